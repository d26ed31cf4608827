"""Where ban orders come from, and how they are imported."""
