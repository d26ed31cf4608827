"""Passwords that this server keeps itself: hashing, checking, changing, locking out."""
