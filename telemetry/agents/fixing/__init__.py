"""Fixes of incidents: asked of a program of the operator's, judged, kept."""
