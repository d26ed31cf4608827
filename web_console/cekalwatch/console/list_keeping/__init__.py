"""The list: looking at it, its synchronisation, and files that people import."""
