"""Backpropagation of the 2-2-2 sigmoid network, computed, written as a workbook, and audited."""
