"""Makes what a technician carries to an office: Debian packages for three kinds of machine, the offline bundle."""
