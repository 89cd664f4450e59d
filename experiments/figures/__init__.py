"""Drawing that several experiments share."""
