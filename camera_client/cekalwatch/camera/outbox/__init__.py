"""Captures that have no receipt yet, in memory and in the encrypted spool on disk."""
