"""Forms that were filled in and are not done yet: their session ended, or a second person is still to sign for them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Final

from cekalwatch.contract.engine.call import Asked

SECRETS: Final = ("form_token", "second_password", "second_by", "signed")
"""Fields that are never kept: people enter them again, or they can be used once."""
MAX_KEPT: Final = 4
"""Of one session; the oldest goes first."""


@dataclass(frozen=True)
class KeptForm:
    """The address of a form, and its entered values."""

    path: str
    fields: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), repr=False)

    @classmethod
    def of(cls, path: str, form: Mapping[str, str]) -> KeptForm:
        """Keep the entered values, without passwords."""
        return cls(path, {name: value for name, value in form.items() if name not in SECRETS})

    def written(self) -> str:
        """Write it for a hidden field, in which a browser keeps it while its person signs in."""
        return json.dumps([self.path, dict(self.fields)])

    @classmethod
    def read(cls, written: str) -> KeptForm | None:
        """Read what a browser sends back; None when it is not a form."""
        try:
            path, fields = json.loads(written)
        except (ValueError, TypeError, RecursionError):
            return None
        if not isinstance(path, str) or not isinstance(fields, dict):
            return None
        return cls.of(path, {name: value for name, value in fields.items() if isinstance(value, str)})


@dataclass(frozen=True)
class JointStep:
    """Actions of two people: the second one approves the request in the form of the first one."""

    form: KeptForm
    joint: Asked[object]


@dataclass(frozen=True)
class ApprovalToken:
    """The approval of a second person, valid for one call and for minutes."""

    display_name: str
    expires_at: datetime
    token: str = field(repr=False)


@dataclass(frozen=True)
class PendingApproval:
    """A form to continue with."""

    form: KeptForm
    problem: str = ""
    """The message above it; empty when a second person has approved."""
    word: ApprovalToken | None = None
    asked: ApprovalToken | None = None
    """What was asked of somebody at another machine, who has not signed yet."""
