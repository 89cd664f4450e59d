"""Policies that adapt to a task by a step of the policy gradient."""
