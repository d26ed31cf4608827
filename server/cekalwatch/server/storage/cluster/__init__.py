"""What the servers of one database agree on: who does the work that one does for all."""
