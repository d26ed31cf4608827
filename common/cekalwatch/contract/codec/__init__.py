"""Reads the contract's messages as values, and writes values as messages. Only this package names their fields.

A value is read in one of two ways. *Strict* is for what a client asks of the server: a field out of its bounds is
refused. *Lenient* is for what a server answers: unsafe text is cleaned, and what only a newer server knows is None.
"""
