"""An exercise as a program or a notebook: by hand in NumPy, and in PyTorch or Keras."""
