"""The audit trail's entries and checkpoints."""
