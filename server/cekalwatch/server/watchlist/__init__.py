"""Sources of ban orders, imports, and views of the list."""
