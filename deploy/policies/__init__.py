"""Templates with which a domain's administrators set the programs of all PCs (ADMX and ADML of Windows)."""
