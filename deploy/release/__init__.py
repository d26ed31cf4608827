"""Makes a release that others can verify: a reproducible wheel, what is in it, how it came to be, and a signature."""
