"""An officer's PC without windows: the notifier's console as a process of its own, and the lines that it printed."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from threading import Condition

from cekalwatch.program.errors import ProgramError
from deploy.demo.programs import Program

OnEvent = Callable[[dict[str, object]], None]
"""Takes one JSON line of the notifier's output, on a thread of its own."""


class Notifier:
    """An officer's console, and the lines that it printed."""

    def __init__(
        self,
        agent_id: str,
        server_address: str,
        tls_dir: Path,
        folder: Path,
        on_event: OnEvent,
        python: str | Path = sys.executable,
        *,
        rings: bool = True,
    ) -> None:
        """Start it; its record of shown events and its pictures go to `folder`.

        `rings`: False for a release without the option, where each console counts as a counter's PC.
        """
        self._arrived = Condition()
        self._events: list[dict[str, object]] = []
        self._relisted: list[dict[str, object]] = []
        self._alarms: list[dict[str, object]] = []
        self._on_event = on_event
        arguments = ["-m", "cekalwatch.notifier", "console", "--format", "jsonl", "--agent-id", agent_id]
        arguments += ["--server", server_address, "--images", str(folder / "images")]
        arguments += ["--rings"] if rings else []
        paths = notifier_paths(folder, tls_dir)
        self.program = Program(agent_id, arguments, folder / "logs", self._take, paths, python)

    def _take(self, line: str) -> None:
        record = json.loads(line)
        if record["event_type"] == "TROUBLE":
            with self._arrived:
                self._alarms.append(record | {"shown_time": datetime.now(UTC).isoformat()})
                self._arrived.notify_all()
            return
        if record["event_type"] == "UNUSABLE_FACE":
            return  # no alert: strangers who turn away are in every scene
        if record["relisted"]:
            with self._arrived:
                self._relisted.append(record)
            return
        with self._arrived:
            self._events.append(record)
            self._arrived.notify_all()
        self._on_event(record)

    @property
    def events(self) -> list[dict[str, object]]:
        """The events so far, in the order of their arrival; alerts that were listed again are left out."""
        with self._arrived:
            return list(self._events)

    @property
    def alarms(self) -> list[dict[str, object]]:
        """What was told of alarms so far, in the order of its arrival, with its `shown_time`."""
        with self._arrived:
            return list(self._alarms)

    @property
    def relisted(self) -> list[dict[str, object]]:
        """The alerts that were listed again after a restart, in the order of their arrival."""
        with self._arrived:
            return list(self._relisted)

    def wait_for_sequence(self, sequence: int, timeout_s: float) -> None:
        """Wait until the event `sequence` has been shown. Raises ProgramError when it is not in time."""
        if not self.wait_for({"sequence": sequence}, 1, timeout_s):
            raise ProgramError(
                f"The notifier did not show event {sequence} within {timeout_s:.0f} s.\n{self.program.last_lines()}"
            )

    def wait_for(self, fields: Mapping[str, object], count: int, timeout_s: float) -> list[dict[str, object]]:
        """Wait until `count` events with these fields were shown, and return those that were by then."""

        def shown() -> list[dict[str, object]]:
            return [event for event in self._events if all(event[name] == fields[name] for name in fields)]

        with self._arrived:
            self._arrived.wait_for(lambda: len(shown()) >= count, timeout_s)
            return shown()


def notifier_paths(folder: Path, tls_dir: Path) -> dict[str, str]:
    """Return the variables that tell a notifier where its files and its certificate are."""
    return {
        "CEKALWATCH_NOTIFIER_STATE_DIR": str(folder / "notifier"),
        "CEKALWATCH_NOTIFIER_TLS_DIR": str(tls_dir),
    }
