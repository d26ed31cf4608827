"""The state of this server at one moment: faults, maintenance, the figures of the database, the status."""
