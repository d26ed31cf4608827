"""`cekalwatch-server gallery`: one file each, loaded when it is called."""
