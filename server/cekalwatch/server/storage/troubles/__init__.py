"""Troubles, and when each camera was heard last by whichever server."""
