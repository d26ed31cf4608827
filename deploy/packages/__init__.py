"""Makes Debian packages for the kinds of machine."""
