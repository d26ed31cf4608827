"""Subjects, ban orders, reference faces, and their change log."""
