"""Signing in and out, by password or by the identity provider, and the second person of what takes two."""
