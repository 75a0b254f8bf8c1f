"""One run, and its resuming."""
