"""Which model is in use, its templates and its threshold."""
