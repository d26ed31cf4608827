"""Signing in through the identity provider, in the browser of this PC."""
