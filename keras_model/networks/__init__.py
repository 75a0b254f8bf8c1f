"""Network files: what a network file says, and the packaged ones."""
