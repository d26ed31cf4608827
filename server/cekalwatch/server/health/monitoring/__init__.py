"""Metrics, health and a page over HTTP, for those who monitor the server."""
