"""Signing in, by password or with a provider of OpenID Connect, alone or as the second person."""
