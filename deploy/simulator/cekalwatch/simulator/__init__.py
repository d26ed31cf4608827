"""A simulator of an application that keeps ban orders, for tests and for trying a synchronisation.

It speaks what `docs/connect-cekal.md` describes, over real HTTP, and can be told to do it wrongly. Its people are
invented. Nothing of the server knows it.
"""
