"""Symbolic expressions: their derivatives, values, Excel formulas, text and LaTeX."""
