"""Posteriors over weights, and the layers that have them."""
