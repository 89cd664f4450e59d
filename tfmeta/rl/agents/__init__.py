"""Agents of reinforcement learning."""
