"""The licences of the components in the bill of materials, and whether they are accepted; `licences.toml` has them."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from license_expression import AND, OR, ExpressionError, LicenseExpression, get_spdx_licensing

TABLE = Path(__file__).with_name("licences.toml")
_SPDX = get_spdx_licensing()


@dataclass(frozen=True)
class Licences:
    """What the table says."""

    accepted: frozenset[str]
    """SPDX ids; one with an exception is `ID WITH EXCEPTION`."""
    of: Mapping[str, str]
    """SPDX expression of each component, by its name in the lock."""
    taken: Mapping[str, str]
    """SHA-256 of the wheels outside the lock of which a part is shipped, by NAME==VERSION."""

    @classmethod
    def read(cls, table: Path = TABLE) -> Licences:
        """Read the table."""
        said = tomllib.loads(table.read_text(encoding="utf-8"))
        of = {name: expression for expression, names in said["licences"].items() for name in names}
        return cls(frozenset(said["accepted"]), of, said["taken"])

    def problems(self, names: Sequence[str]) -> Iterator[str]:
        """Yield what is wrong with the licences of these components, in sentences."""
        for name in names:
            if name not in self.of:
                yield f"{name} has no licence in {TABLE.name}: read what its package says, and add it there"
            elif reason := self._refusal(self.of[name]):
                yield f"The licence of {name}, {self.of[name]}, is not accepted: {reason}"
        for name in sorted(self.of.keys() - set(names)):
            yield f"{TABLE.name} names {name}, which is not a component any more: remove it there"

    def _refusal(self, expression: str) -> str:
        """Return why a licence is not accepted; empty when it is."""
        try:
            parsed = _SPDX.parse(expression, validate=True, strict=True)
        except ExpressionError as error:
            return f"it is not an SPDX expression ({error})"
        if parsed is None:
            return "it is empty"
        return "" if self._accepts(parsed) else f"{TABLE.name} does not accept it"

    def _accepts(self, parsed: LicenseExpression) -> bool:
        """Whether all parts of an AND, and at least one of an OR, are accepted."""
        if isinstance(parsed, AND):
            return all(map(self._accepts, parsed.args))
        if isinstance(parsed, OR):
            return any(map(self._accepts, parsed.args))
        return str(parsed) in self.accepted


def as_cyclonedx(expression: str) -> list[dict[str, Any]]:
    """Return an SPDX id or expression in the form of a component's `licenses`."""
    compound = any(mark in expression.split() for mark in ("AND", "OR", "WITH"))
    return (
        [{"expression": expression}]
        if compound or expression.startswith("LicenseRef-")
        else [{"license": {"id": expression}}]
    )
