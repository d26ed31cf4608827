"""The pages of list managers."""
