"""Papers about data protection (docs/papers.md), drills (docs/drills.md) and sizing (docs/scaling.md)."""
