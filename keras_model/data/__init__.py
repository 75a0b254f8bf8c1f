"""Digits and pictures."""
