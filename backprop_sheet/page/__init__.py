"""An exercise as a web page: the network with its numbers, step by step, and all explanations."""
