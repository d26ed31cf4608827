"""Plans of exercises: how many come at each counter in a shift, and when (docs/exercises.md)."""
