"""Which versions of alerts people have seen on the terminal of this PC, so that a command can say what came since.

A command is a process of its own: the versions are in a file of `state_dir`, which has keys and numbers, and nothing of
a person.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from cekalwatch.contract.values.alerts import Alert
from cekalwatch.office.alerts import SeenVersion
from cekalwatch.program.errors import ProgramError
from cekalwatch.program.platform.access import make_folder
from cekalwatch.program.secret_files import write_private

MAX_VERSIONS = 200
"""Above this number, the version that was seen first is forgotten."""

_VERSIONS: TypeAdapter[list[tuple[str, SeenVersion]]] = TypeAdapter(list[tuple[str, SeenVersion]])


@dataclass(frozen=True)
class SeenVersions:
    """The versions, in one file; a file that cannot be read or written costs only these words."""

    file: Path

    def note(self, alert: Alert) -> None:
        """Record that a person sees this version of the alert."""
        version = SeenVersion.of(alert)
        kept = [(key, one) for key, one in self._read() if (key, one.version) != (alert.alert_id, version.version)]
        kept = [*kept, (alert.alert_id, version)][-MAX_VERSIONS:]
        try:
            make_folder(self.file.parent)
            write_private(self.file, json.dumps([(key, asdict(one)) for key, one in kept]).encode())
        except (OSError, ProgramError):
            return

    def find(self, alert_id: str, version: int) -> SeenVersion | None:
        """Return a version that was seen here; None for any other."""
        return next((one for key, one in self._read() if (key, one.version) == (alert_id, version)), None)

    def _read(self) -> list[tuple[str, SeenVersion]]:
        try:
            return _VERSIONS.validate_json(self.file.read_bytes())
        except (OSError, ValidationError):
            return []
