"""The server's settings: one file for each section."""
