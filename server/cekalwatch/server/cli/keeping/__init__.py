"""Keeping a site: backups, coming back from one, and newer versions."""
