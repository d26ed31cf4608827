"""Lists in other people's databases."""
