"""The watchlist from a query or view of a database: docs/connect-cekal.md."""
