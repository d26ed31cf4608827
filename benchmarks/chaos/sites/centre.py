"""The centre: three servers on a PostgreSQL with a standby; they take the list from a folder and give it on."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path

from benchmarks.chaos.machines.centre_database import CentreDatabase
from benchmarks.chaos.machines.line import to_address
from benchmarks.chaos.sites.plans import SITES
from benchmarks.chaos.sites.running_site import RunningSite
from deploy.demo.people import Person
from deploy.demo.watchlist import ORDERS_FILE, write_watchlist


@dataclass(kw_only=True)
class Centre(RunningSite):
    """The running centre."""

    postgres: CentreDatabase
    watchlist: Path
    """The folder from which the servers take the list."""
    _today: date = field(default_factory=lambda: datetime.now(UTC).date())
    """The list keeps its dates over midnight."""

    @property
    def database_address(self) -> str:
        """Past the lines, of the node that takes writes."""
        return self.postgres.address

    def write_list(self, people: list[Person]) -> None:
        """Write the watchlist; a table is replaced as a whole."""
        draft = self._draft
        write_watchlist(people, draft, self._today)
        self.watchlist.mkdir(exist_ok=True)
        for file in sorted(draft.iterdir(), key=lambda file: file.name == ORDERS_FILE):  # what it names comes first
            file.replace(self.watchlist / file.name)

    def replace_list(self, table: bytes) -> None:
        """Put another table of orders in place of the present one."""
        draft = self._draft / ORDERS_FILE
        draft.write_bytes(table)
        draft.replace(self.watchlist / ORDERS_FILE)

    @property
    def _draft(self) -> Path:
        return self.watchlist.with_name(f"{self.watchlist.name} draft")

    def add_servers(self, addresses: list[str]) -> None:
        """Write the servers' settings."""
        for name, address in zip(self.plan.servers, addresses, strict=True):
            hosts = "&".join(f"host={self._line_to_node(name, number)}" for number in (1, 2))
            own = {"database_url": f"postgresql://postgres@/{self.postgres.name}?{hosts}"}
            tables = [line for one in SITES for line in ("[[sites]]", f"site = {json.dumps(one.key)}")]
            tables += ["[watchlist.source]", 'kind = "folder"', f"path = {json.dumps(str(self.watchlist))}"]
            self.add_server(name, address, own, tables)

    def _line_to_node(self, server: str, number: int) -> str:
        node = self.postgres.nodes[number - 1]
        return self.room.open(f"{server} to database-{number}", to_address(f"127.0.0.1:{node.port}")).address
