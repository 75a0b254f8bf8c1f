"""A trained network: reading it from a file without Keras, and computing with NumPy."""
