"""An office whose counter D1 has a simulated gate over TLS."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cekalwatch.contract.values.people import PersonRole
from deploy.simulator.certificates import SimulatorCertificates
from deploy.simulator.gate import GateLogic, SimulatedGate
from tests.support.fakes.webhook_receiver import SECRET, write_secret
from tests.support.scenarios.port_office import PortOffice, port_office
from tests.support.scenarios.server import LateClock
from tests.support.scenarios.site_pki import SITE


@dataclass
class GatedOffice:
    """The office and its gate, by one clock."""

    office: PortOffice
    gate: SimulatedGate

    @property
    def asked(self) -> list[str]:
        """What the gate was asked, without repeats."""
        return self.gate.logic.history


@asynccontextmanager
async def gated_office(
    folder: Path, people: Mapping[str, Sequence[PersonRole]], **settings: Any
) -> AsyncIterator[GatedOffice]:
    """Serve an office with the gate `d1`."""
    clock, certificates = LateClock(), SimulatorCertificates(folder / "gate-tls")
    with SimulatedGate(GateLogic("d1", SECRET, lambda: clock.now().timestamp()), certificates) as gate:
        secret = write_secret(folder / "gate.secret")
        named = {"name": "d1", "site": SITE, "counter": "D1", "url": gate.url, "secret_file": secret}
        gates = {"gates": [named | {"authorities": certificates.authority}]}
        async with port_office(folder, people, clock, notices=gates, **settings).open() as office:
            yield GatedOffice(office, gate)
