"""Checks whether a camera still shows its view: light, focus, cover, and position."""
