"""Makes what a technician carries to an office without a network: packages, wheels, models and guides, with hashes."""
