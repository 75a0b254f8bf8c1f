"""What is an exercise? Its description, its file, and what is allowed in it."""
