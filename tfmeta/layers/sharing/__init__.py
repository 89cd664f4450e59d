"""Layers by which tasks share a network."""
