"""The watchlist by calls: looking at it, imports, synchronisation, and the feed that ports follow."""
