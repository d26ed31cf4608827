"""The log of notices, and how far each target was told."""
