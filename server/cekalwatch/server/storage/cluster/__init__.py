"""What the servers of one database share: the leader lease and their presence."""
