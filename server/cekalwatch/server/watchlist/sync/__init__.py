"""Synchronisation of the watchlist with its source."""
