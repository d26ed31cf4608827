"""Texts of the notifier alone, in Indonesian and English; the rest is in `cekalwatch.office`."""
