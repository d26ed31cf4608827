"""Backups: what is in one, how it is made, and how a site comes back from it."""
