"""The tables of what ports with servers of their own report, and what reads and writes them."""
