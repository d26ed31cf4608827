"""Maintenance of a site: backup, restore, upgrade, retention, and changed rows."""
