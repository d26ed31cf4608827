"""Keys of subjects, orders and the like, by which people ask a server again."""

from __future__ import annotations

from typing import Annotated

AS_IT_CAME = "as it came"
"""Marks a text that is not cleaned where it is printable: a key with two spaces in a row is a key of its own."""
Key = Annotated[str, AS_IT_CAME]
