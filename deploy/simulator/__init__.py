"""A simulator of an application that keeps ban orders, for tests and for trying a synchronisation.

It speaks the protocol of `docs/connect-cekal.md` over real HTTP, and can be told to break it. Its people are invented.
It runs from the checkout, and no package has it.
"""
