"""A digit classifier of 19,848 parameters: its data, network, training and reports."""
