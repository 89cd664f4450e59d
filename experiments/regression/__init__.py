"""What the experiments on tasks of regression share."""
