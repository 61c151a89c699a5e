"""Assertions: one file a type, one line in the registry."""
