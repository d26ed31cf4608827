"""The server's settings, one file for each section; `settings.py` puts the sections together."""
