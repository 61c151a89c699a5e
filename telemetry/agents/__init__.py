"""Runs of agents (seed 002): what they did, step by step, where it went wrong, and what that is part of."""
