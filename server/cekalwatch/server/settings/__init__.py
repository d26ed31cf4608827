"""The server's settings: sections by theme, which `settings.py` puts together."""
