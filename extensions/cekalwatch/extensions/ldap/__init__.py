"""Roles by the groups of the office's directory, LDAP or Active Directory: docs/people.md."""
