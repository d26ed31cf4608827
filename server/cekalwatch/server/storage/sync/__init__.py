"""Where the synchronisation stands, and its runs."""
