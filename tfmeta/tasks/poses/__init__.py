"""Tasks that ask for the pose of rendered objects."""
