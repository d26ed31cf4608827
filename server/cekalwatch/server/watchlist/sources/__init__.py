"""The sources of a watchlist: their configuration, how their fields are mapped, and an adapter for each kind."""
