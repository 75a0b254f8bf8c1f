"""When a digit that was found in a picture may be none, or another one."""

# Of MNIST's digits, the recipes' networks give almost all a larger probability, also with label
# smoothing; of letters and doodles, a part.
LEAST_PROBABILITY = 0.6
