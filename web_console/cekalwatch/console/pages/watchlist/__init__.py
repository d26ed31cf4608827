"""The pages of those who keep the list."""
