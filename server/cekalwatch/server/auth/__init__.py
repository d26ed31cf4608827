"""Who may call what: certificates, people, sessions, rights and limits."""
