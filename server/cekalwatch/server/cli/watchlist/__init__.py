"""`cekalwatch-server watchlist`: a file for each command, and what they share."""
