"""The office's directory (LDAP, Active Directory), whose groups say whether a person's roles count."""
