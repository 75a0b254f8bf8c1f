"""Reading handwritten digits from pictures, as people take them.

The steps, each a module: :mod:`decoding` makes a picture of a file; :mod:`sheet` leaves out a
patterned table around a sheet; :mod:`ink` says how much ink each pixel has, whatever the paper, its
light and its color; :mod:`parts` finds the connected parts of the ink that can be digits, without
lines, frames and what touches the edge; :mod:`digits` joins them to digits in reading order;
:mod:`mnist_format` makes MNIST's 28×28 pixels of each. :mod:`doubt` says which predictions are
unsure, and :mod:`drawing` draws what was read. The web page has the same steps in JavaScript, with
the constants of :mod:`constants`.
"""
