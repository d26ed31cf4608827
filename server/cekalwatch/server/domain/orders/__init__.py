"""Ban orders, and the law that says which are in force."""
