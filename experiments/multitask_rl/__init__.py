"""One policy for several tasks of a robot's arm."""
