"""Cameras as the server sees them: how their clocks go, and what is kept of each."""
