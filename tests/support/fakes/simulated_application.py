"""A simulated application with a few orders, and a source that reads it without pauses."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cekalwatch.server.watchlist.sources.settings import HttpSettings, WebAccess
from cekalwatch.server.watchlist.sources.web.http import HttpSource
from deploy.simulator.certificates import SimulatorCertificates
from deploy.simulator.orders import OrderDatabase
from deploy.simulator.web import Simulator
from tests.support.builders.watchlist import WIB, FixedClock

QUICK: dict[str, Any] = {"attempts": 3, "back_off_seconds": 0.0, "timeout_seconds": 5.0}
JPEG = b"\xff\xd8 a photograph"
"""A photograph for tests that look at nothing but its bytes."""


def simulated_order(order_id: str, **fields: Any) -> dict[str, Any]:
    """An order as the application has it."""
    usual: dict[str, Any] = {
        "order_id": order_id,
        "subject_id": f"S-{order_id}",
        "kind": "CEGAH",
        "decree_number": f"KEP-{order_id}",
        "decree_date": "2026-01-01",
        "requesting_agency": "Kejaksaan Agung",
        "valid_from": "2026-01-01",
        "valid_until": "2026-06-30",
        "received_on": "2026-01-01",
        "reason": "penyidikan",
        "name": "Contoh Satu",
        "nationality": "IDN",
        "photographs": [],
    }
    return usual | fields


@contextlib.contextmanager
def simulated(
    orders: int = 3, *, token: str = "", certificates: SimulatorCertificates | None = None
) -> Iterator[Simulator]:
    """Run an application with the orders C-1, C-2 and so on."""
    with contextlib.closing(OrderDatabase()) as book:
        for number in range(1, orders + 1):
            book.put(simulated_order(f"C-{number}"))
        with Simulator(book, token=token, certificates=certificates) as simulator:
            yield simulator


@contextlib.contextmanager
def source_of(
    simulator: Simulator, *, access: dict[str, Any] | None = None, clock: FixedClock | None = None, **settings: Any
) -> Iterator[HttpSource]:
    """Give a source of the application's list."""
    usual: dict[str, Any] = {"address": simulator.address, "access": WebAccess(**QUICK | (access or {}))}
    entry = HttpSettings(kind="http", **usual | settings)
    with contextlib.closing(HttpSource(entry, WIB, clock)) as source:
        yield source


def with_photograph(simulator: Simulator, order_id: str, data: bytes, *, told: bool = True) -> None:
    """Give an order a photograph, whose version its row tells or not."""
    version = simulator.book.put_photograph(f"{order_id}.jpg", data)
    place = {"address": f"photographs/{order_id}.jpg", "name": f"{order_id}.jpg"}
    simulator.book.change(order_id, photographs=[place | ({"version": version} if told else {})])


def private_file(file: Path, text: str) -> Path:
    """A file with a secret."""
    file.touch(mode=0o600)
    file.write_text(text)
    return file
