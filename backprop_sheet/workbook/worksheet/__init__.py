"""A worksheet: the exercise with columns to fill in, which are judged while one types."""
