"""The watchlist from packages of police or borders (ANSI/NIST-ITL): docs/connect-cekal.md."""
