"""What happens in the simulated application: orders appear, are extended and revoked, expire, and leave the list.

The people are invented; which of the things happens next follows from a seed.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from datetime import date, timedelta

from deploy.simulator.orders import Order, OrderDatabase

_FIRST = ("Adi", "Bunga", "Cahya", "Damar", "Endah", "Fajar", "Gilang", "Hesti", "Indra", "Jelita")
_LAST = ("Rekaan", "Khayal", "Umpama", "Misal", "Andaian", "Tiruan", "Cermin", "Bayangan", "Angan", "Dongeng")
_AGENCIES = ("Kejaksaan Agung", "Komisi Pemberantasan Korupsi", "Kementerian Keuangan", "Kepolisian Negara")
_GROUNDS = ("SECURITY_AND_PUBLIC_ORDER", "NATIONAL_INTEREST", "IMMIGRATION", "CRIMINAL_PROCEEDINGS")
_STATUSES = ("SUSPECT", "DEFENDANT")
_REVOCATIONS = (
    ("AGENCY", "CABUT-{number}/{year}"),
    ("COURT", "{number}/Pid.Pra/{year}/PN Btm"),
    ("ACQUITTAL", "{number}/Pid.B/{year}/PN Btm"),
)
"""Grounds of revocations, each with the form of its reference."""
_ABROAD = ("SGP", "MYS", "AUS", "CHN")
TERM = timedelta(days=180)
_SHORT = timedelta(days=3)


class Life:
    """Changes the orders, one step at a time."""

    def __init__(self, book: OrderDatabase, faces: Sequence[bytes], today: Callable[[], date], seed: int = 1) -> None:
        """`faces` are photographs; each new person gets the next one."""
        self._book = book
        self._faces = faces
        self._today = today
        self._random = random.Random(seed)  # noqa: S311  # nothing is kept secret by it

    def begin(self, orders: int) -> None:
        """Add some orders."""
        for _ in range(orders):
            self._appear()

    def step(self) -> str:
        """Make a random change, and return what it was, with its key."""
        things = (self._appear, self._appear, self._extend, self._revoke, self._expire, self._remove)
        return self._random.choice(things)()

    def _appear(self) -> str:
        number = self._book.changes + 1
        key, subject = f"C-{number:05}", f"S-{number:05}"
        today = self._today()
        abroad = self._random.random() < 0.3
        order: Order = {
            "order_id": key,
            "subject_id": subject,
            "kind": "TANGKAL" if abroad else "CEGAH",
            "decree_number": f"KEP-{number}/{today.year}",
            "decree_date": str(today),
            "requesting_agency": self._random.choice(_AGENCIES),
            "reason": "rekaan",
            "valid_from": str(today),
            "valid_until": str(today + TERM),
            "urgent": False,
            "received_on": str(today),
            "ground": self._random.choice(_GROUNDS) if abroad else "",
            "person_status": "" if abroad else self._random.choice(_STATUSES),
            "name": f"{self._random.choice(_FIRST)} {self._random.choice(_LAST)} {number}",
            "aliases": [],
            "sex": self._random.choice("MF"),
            "place_of_birth": "Batam",
            "date_of_birth": str(1960 + number % 45),
            "nationality": self._random.choice(_ABROAD) if abroad else "IDN",
            "travel_documents": [{"type": "passport", "number": f"X{number:07}", "country": ""}],
            "photographs": [],
        }
        if self._faces:
            name = f"{subject}.jpg"
            version = self._book.put_photograph(name, self._faces[(number - 1) % len(self._faces)])
            order["photographs"] = [{"address": f"photographs/{name}", "version": version, "name": name}]
        self._book.put(order)
        return f"{key} appeared"

    def _extend(self) -> str:
        for key in self._shuffled():
            order = self._book.get(key)
            extension = f"{key}-P"
            if order.get("extends_order_id") or order["kind"] != "CEGAH" or extension in self._book.order_ids():
                continue
            end = date.fromisoformat(order["valid_until"])
            times = {"valid_from": str(end + timedelta(days=1)), "valid_until": str(end + TERM)}
            self._book.put(order | times | {"order_id": extension, "extends_order_id": key})
            return f"{key} was extended by {extension}"
        return self._appear()

    def _revoke(self) -> str:
        for key in self._shuffled():
            if not self._book.get(key).get("revoked_at"):
                ground, letter = self._random.choice(_REVOCATIONS)
                reference = letter.format(number=self._book.changes + 1, year=self._today().year)
                revocation = {"revocation_ground": ground, "revocation_reference": reference}
                self._book.change(key, revoked_at=str(self._today()), **revocation)
                return f"{key} was revoked: {ground}, {reference}"
        return self._appear()

    def _expire(self) -> str:
        """Let an order end soon: only its last day shows that."""
        for key in self._shuffled():
            order = self._book.get(key)
            last = self._today() - timedelta(days=1)
            if date.fromisoformat(order["valid_until"]) > last:
                first = min(date.fromisoformat(order["valid_from"]), last - _SHORT)
                self._book.change(key, valid_from=str(first), valid_until=str(last))
                return f"{key} ended on {last}"
        return self._appear()

    def _remove(self) -> str:
        for key in self._shuffled():
            self._book.remove(key)
            return f"{key} left the list"
        return self._appear()

    def _shuffled(self) -> list[str]:
        keys = self._book.order_ids()
        self._random.shuffle(keys)
        return keys
