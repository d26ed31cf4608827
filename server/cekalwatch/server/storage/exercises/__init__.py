"""Exercises: subjects with their consent and pictures, the setting, and every exercise with its result."""
