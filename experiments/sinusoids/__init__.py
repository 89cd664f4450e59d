"""Sinusoids whose inputs name the task: Yin et al. 2020, section 6.1."""
