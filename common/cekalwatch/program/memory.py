"""Memory management of a program that runs for months."""

from __future__ import annotations

import gc


def settle() -> None:
    """Exempt all present objects from the search for cycles, which stops every thread while it runs.

    A server has about 400,000 such objects, which are never freed; a search through them took 170 ms, every few seconds
    under load. Call it once, after everything is loaded.
    """
    gc.collect()
    gc.freeze()
