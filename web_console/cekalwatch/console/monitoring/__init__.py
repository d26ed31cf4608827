"""What the console tells of how it does, to whoever watches it."""
