"""Where ban orders come from, how they are imported, and looking at the list."""
