"""What Tracer watches about itself: one file each, and one line in registry.py."""
