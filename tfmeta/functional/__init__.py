"""Keras networks as functions of weights and seeds, and loops over them."""
