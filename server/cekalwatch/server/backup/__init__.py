"""Backups: their content, how they are made, and how a site is restored from one."""
