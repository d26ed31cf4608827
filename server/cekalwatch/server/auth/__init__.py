"""Rights of calls: certificates, people, sessions, rights and limits."""
