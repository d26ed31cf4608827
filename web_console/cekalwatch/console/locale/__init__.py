"""Texts of the console alone, in Indonesian and English; the rest is in `cekalwatch.office`."""
