"""`make demo-ports`: a centre, and two ports with servers of their own, whose lines to it are cut and mended."""
