"""Where checkpoints of the audit trail go as they are made, out of reach of who can write the database."""
