"""Tasks of labelled images."""
