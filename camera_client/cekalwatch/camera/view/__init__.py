"""Whether a camera still shows what it should: light, focus, cover, and that nobody has turned it."""
