"""Who may do what, and what is known of it afterwards: certificates, sign-in, roles, audit."""
