"""State of the console during sign-in: the provider, pending logins, forms."""
