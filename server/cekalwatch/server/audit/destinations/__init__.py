"""Destinations of the audit trail's checkpoints, out of reach of somebody who can write to the database."""
