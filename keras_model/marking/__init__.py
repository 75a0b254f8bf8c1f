"""Marking models: the conditions that a trained network must meet, and the report on many."""
