"""Keeping a site: backups, coming back from one, newer versions, what is due to be removed, and changed rows."""
