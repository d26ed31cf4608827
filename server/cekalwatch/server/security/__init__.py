"""Who may do what, and what is known of it afterwards: certificates, rights, sign-in, audit."""
