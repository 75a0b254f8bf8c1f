"""Marks for a class: points, and what goes back into the course system."""
