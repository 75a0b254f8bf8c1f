"""A worksheet: the exercise with columns to fill in, which are judged as the student types."""
