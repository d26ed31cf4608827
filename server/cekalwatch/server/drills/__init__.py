"""Drills of disasters: each does what would be done, on real parts, and is timed."""
