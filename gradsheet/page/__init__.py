"""What the web pages share: their style, and how each is written as one file."""
