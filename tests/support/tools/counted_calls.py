"""How often parts of the product are called, while they do what they do."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest


def counted_calls(monkeypatch: pytest.MonkeyPatch, *calls: tuple[Any, str]) -> Counter[str]:
    """Return the count of each call, by its name, which goes on until the patches are taken back."""
    found: Counter[str] = Counter()

    def count(owner: Any, name: str) -> None:
        whole = getattr(owner, name)

        def counting(*arguments: Any) -> Any:
            found[name] += 1
            return whole(*arguments)

        monkeypatch.setattr(owner, name, counting)

    for owner, name in calls:
        count(owner, name)
    return found
