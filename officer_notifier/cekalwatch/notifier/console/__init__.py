"""The screens of a terminal: the live table, and JSON lines for programs."""
