"""Normalization by the statistics of one task, right to second order."""
