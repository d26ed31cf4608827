"""Several servers on one database: the leader, and what they know of each other."""
