"""The exercise file, the equations with their derivation, and gradient descent."""
