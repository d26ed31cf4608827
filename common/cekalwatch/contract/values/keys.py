"""Keys of subjects, orders and the like, by which people ask a server again."""

from __future__ import annotations

from typing import Annotated

AS_IT_CAME = "as it came"
"""Marks a text of which printable characters are not changed: a key with two consecutive spaces is a different key."""
Key = Annotated[str, AS_IT_CAME]
