"""The layers that a network may have, each with what it computes; none of it needs Keras.

A layer is named as in Keras and has Keras' arguments. :mod:`keras_model.layers.kinds` lists them.
"""
