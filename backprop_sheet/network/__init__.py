"""The exercise: its file, its equations with their derivation, and gradient descent on it."""
