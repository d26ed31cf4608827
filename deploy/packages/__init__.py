"""Makes what a technician carries to an office: Debian packages for the kinds of machine, the offline bundle."""
