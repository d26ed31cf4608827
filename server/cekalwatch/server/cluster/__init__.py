"""Several servers on one database: which of them does what one does for all."""
