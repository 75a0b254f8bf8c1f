"""What are the equations of an exercise, and its numbers? Forward, backward, updates; descent."""
