"""Snapshots of a database as streams of bytes, and their restoring: for backups."""
