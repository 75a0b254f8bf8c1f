"""What the web pages share: their style."""
