"""Few-shot classification where one function solves all training tasks."""
