"""A database as it is at one moment, as a stream of bytes, and back: for backups."""
