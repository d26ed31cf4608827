"""Sealing at rest: the master key, the data keys that it wraps, and the sealing of single values."""
