"""Data keys, and sealing values again."""
