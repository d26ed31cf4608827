"""The integrity of rows on which decisions rest: who can write the database, but has not its keys, is not obeyed."""
