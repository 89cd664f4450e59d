"""Several tasks learned at once: CIFAR-100's coarse classes, or scripts."""
