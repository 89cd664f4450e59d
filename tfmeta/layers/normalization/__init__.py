"""Normalization that knows tasks apart."""
