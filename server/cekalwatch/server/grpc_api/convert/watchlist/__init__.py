"""Messages of the watchlist: what it has, how it is looked at, and all ways in which it comes and goes."""
