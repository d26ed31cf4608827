"""The audit trail: entries in a hash chain, signed checkpoints, verification, export."""
