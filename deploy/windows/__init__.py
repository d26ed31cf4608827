"""Makes the installers for Windows: an MSI for officers' PCs, and one for capture hosts."""
