"""The integrity of rows on which decisions depend: somebody who can write to the database without its keys has no
effect."""
