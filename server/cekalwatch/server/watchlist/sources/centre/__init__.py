"""A source that is another server: the centre, whose list a port follows."""
