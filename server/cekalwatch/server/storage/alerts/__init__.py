"""Alerts, their handling, and the event log."""
