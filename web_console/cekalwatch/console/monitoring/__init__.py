"""Metrics of the console."""
