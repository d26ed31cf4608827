"""The port: one server on SQLite, which follows the centre's list and reports its alerts there."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.chaos.machines.set_clock_server import CLOCK_VARIABLE
from benchmarks.chaos.sites.plans import PORT_SERVER
from benchmarks.chaos.sites.running_site import RunningSite, SiteServer
from cekalwatch.wire.tls import TlsFiles


@dataclass
class Port(RunningSite):
    """The running port."""

    @property
    def database_address(self) -> str:
        """Of the file in its server's folder."""
        return f"sqlite:///{self.folder / PORT_SERVER / 'cekalwatch.sqlite3'}"

    @property
    def server(self) -> SiteServer:
        """Its one server."""
        return self.servers[PORT_SERVER]

    def add_port_server(self, address: str, centre: Sequence[str], shown: TlsFiles) -> None:
        """Write the server's settings: where the centre is, and what it shows there."""
        tables = ["[[sites]]", f"site = {json.dumps(self.key)}", "[watchlist.source]", 'kind = "centre"']
        tables += [f"addresses = {json.dumps(list(centre))}", f"tls_dir = {json.dumps(str(shown.folder))}"]
        environment = {CLOCK_VARIABLE: str(self._clock_file)}
        self.add_server(PORT_SERVER, address, {}, tables, "benchmarks.chaos.machines.set_clock_server", environment)
        self.set_clock(0.0)

    def set_clock(self, ahead_s: float) -> None:
        """Set the server's clock, so much ahead of this machine's; it stays so when the server starts again."""
        draft = self._clock_file.with_suffix(".draft")
        draft.write_text(str(ahead_s))
        draft.replace(self._clock_file)

    @property
    def _clock_file(self) -> Path:
        return self.folder / "clock"
