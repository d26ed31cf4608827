"""Clients of the running server, for commands on its machine."""
