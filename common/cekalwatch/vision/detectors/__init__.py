"""Face detectors: that of the starter pack, and SCRFD."""
