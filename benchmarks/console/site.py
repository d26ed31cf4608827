"""A site with a long list and many alerts, its server, and a web console: what the benchmarks of the pages look at."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final

import httpx
import numpy as np
from sqlmodel import Session

from cekalwatch.contract.values.adjudication import AlertState, Outcome, Reason
from cekalwatch.contract.values.orders import Direction, OrderKind
from cekalwatch.contract.values.people import PersonRole
from cekalwatch.contract.values.subjects import FaceFigures, ReferenceFace, Subject, TravelDocument
from cekalwatch.server.audit.entry import operator
from cekalwatch.server.domain.checkpoints import Camera
from cekalwatch.server.domain.orders.ban_order import BanOrder
from cekalwatch.server.encryption.master_key_source import KeyFile
from cekalwatch.server.foundation.clock import SystemClock
from cekalwatch.server.storage.alerts.rows import new_row
from cekalwatch.server.storage.alerts.tables import FindingRow, PassageCountRow, SightingRow
from cekalwatch.server.storage.columns import FINDING_FACTS
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.keys.store import KeyStore
from cekalwatch.server.storage.watchlist.changes import count_change
from cekalwatch.server.storage.watchlist.rows import WatchlistRows
from cekalwatch.vision.manifest import load_pack
from deploy.demo.office.web_console import web_console
from deploy.demo.programs import Program
from deploy.demo.stack import CameraPlan, Stack, StackConfig
from tests.support.builders.alerts import capture, match
from tests.support.builders.portraits import astronaut
from tests.support.scenarios.people import PASSWORD, Office, person
from tests.support.scenarios.server import jpeg

SUBJECTS: Final = 10_000
ALERTS: Final = 100_000
OPEN: Final = 40
"""Alerts that are not settled."""
AT_ONCE: Final = 2_000
COUNTERS: Final = 9
OFFICERS: Final = 20
VIEWER: Final = "pemandu"
AUDITOR: Final = "pemeriksa"
START_S: Final = 60.0
PACK: Final = Path("build/models/light")
FIGURES: Final = FaceFigures(90.0, 3.0, -2.0, 0.6, 0.5, 0.99, 1)


def write_list(session: Session, rows: WatchlistRows, subjects: int) -> None:
    """Write subjects with one or two orders and a photograph each; every tenth order breaks a rule."""
    pack = load_pack(PACK)
    size, model = pack.recogniser.size, pack.model_version
    generator = np.random.default_rng(2)
    face_jpeg, today = jpeg(astronaut(0.3), 80), date.today()  # noqa: DTZ011  # orders have days of the local clock
    for start in range(0, subjects, AT_ONCE):
        keys = [f"S-{number:05}" for number in range(start, min(start + AT_ONCE, subjects))]
        session.add_all(
            rows.subject_row(
                Subject(
                    key,
                    f"Contoh Nama {key[2:]}",
                    aliases=(f"Alias {key[2:]}",),
                    date_of_birth="1980-01-01",
                    nationality="IDN",
                    travel_documents=(TravelDocument("passport", f"X{key[2:]}A", "IDN"),),
                )
            )
            for key in keys
        )
        session.flush()
        for key in keys:
            for number in range(1 + int(key[2:]) % 2):
                first = today - timedelta(days=10 + 200 * number)
                length = 900 if int(key[2:]) % 10 == number else 150
                ban = BanOrder(
                    order_id=f"O-{key[2:]}-{number}",
                    subject_id=key,
                    kind=OrderKind.CEGAH,
                    requesting_agency=f"Kejaksaan {int(key[2:]) % 30}",
                    valid_from=first,
                    valid_until=first + timedelta(days=length),
                    received_on=first,
                    decree_number=f"KEP-{key[2:]}/{number}",
                    decree_date=first,
                )
                session.add(rows.order_row(ban, ""))
            session.add(rows.reference_row(ReferenceFace(key, key, FIGURES, subject_id=key)))
        session.flush()
        for key, template in zip(keys, generator.normal(size=(len(keys), size)).astype("<f4"), strict=True):
            session.add(rows.template_row(key, model, key, template / np.linalg.norm(template)))
            session.add(rows.picture_row(key, b"photograph", face_jpeg))
        count_change(session, keys)
        session.commit()
        session.expunge_all()


def write_alerts(session: Session, rows: WatchlistRows, subjects: int, alerts: int, officers: list[str]) -> None:
    """Write alerts of two years, the newest OPEN of them open and the others cleared by one of `officers`."""
    begin = datetime.now(UTC) - timedelta(days=730)
    step = timedelta(days=730) / alerts
    for start in range(0, alerts, AT_ONCE):
        made = []
        for number in range(start, min(start + AT_ONCE, alerts)):
            camera = Camera(f"dep-{number % COUNTERS}", "batam-center", f"D{number % COUNTERS}", Direction.DEPARTURE)
            at = begin + number * step
            seen = match(capture(camera=camera, passage=str(number), at=at), subject=f"S-{number % subjects:05}")
            row = new_row(seen, seen.candidates, at)
            row.state = AlertState.CLEARED if number < alerts - OPEN else AlertState.NEW
            row.first_claimed_at = at + timedelta(seconds=30) if row.state == AlertState.CLEARED else None
            made.append((number, row, seen))
        session.add_all(row for _, row, _ in made)
        session.flush()
        for number, row, seen in made:
            probe = seen.capture
            session.add(
                SightingRow(
                    capture_id=str(probe.capture_id),
                    alert_id=row.alert_id,
                    passage=probe.passage,
                    camera_id=row.camera_id,
                    site=row.site,
                    counter=row.counter,
                    direction=row.direction,
                    captured_at=row.captured_at,
                    score=0.7,
                    fused_crops=1,
                )
            )
            if row.state == AlertState.CLEARED:
                session.add(
                    FindingRow(
                        alert_id=row.alert_id,
                        number=0,
                        subject_id=row.subject_id,
                        outcome=Outcome.NOT_SAME_PERSON,
                        reason=Reason.FACE_DIFFERS,
                        facts=rows.keyring.seal(FINDING_FACTS.at(row.alert_id, "0"), b'{"note": "", "reference": ""}'),
                        person_id=officers[number % len(officers)],
                        found_at=row.raised_at + timedelta(minutes=2),
                    )
                )
        session.commit()
        session.expunge_all()


def write_passages(session: Session) -> None:
    """Write what cameras saw in two years: 15,000 passages a day at all counters together."""
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(days=730)
    for _ in range(730):
        for _ in range(24):
            session.add_all(
                PassageCountRow(
                    hour=hour,
                    camera_id=f"dep-{number}",
                    site="batam-center",
                    direction=Direction.DEPARTURE,
                    passages=15_000 // (24 * COUNTERS),
                )
                for number in range(COUNTERS)
            )
            hour += timedelta(hours=1)
        session.commit()
        session.expunge_all()


def make_site(folder: Path, subjects: int = SUBJECTS, alerts: int = ALERTS) -> None:
    """Make the database of a Stack in `folder`, unless it is there."""
    if (folder / "server").exists():
        return
    database = Database(f"sqlite:///{folder / 'server' / 'cekalwatch.sqlite3'}")
    database.upgrade()
    keys = KeyStore.open(database, KeyFile(folder / "server" / "master.key"), SystemClock(), operator())
    office, rows = Office(database), WatchlistRows(keys.keyring)
    office.hire(person(VIEWER, *(set(PersonRole) - {PersonRole.AUDITOR})))
    office.hire(person(AUDITOR, PersonRole.AUDITOR))
    officers = [str(office.hire(person(f"petugas-{number}")).person.person_id) for number in range(OFFICERS)]
    with database.session() as session:
        write_list(session, rows, subjects)
        write_alerts(session, rows, subjects, alerts, officers)
        write_passages(session)
    database.close()


@dataclass(frozen=True)
class Site:
    """A server and a console that serve."""

    stack: Stack
    origin: str
    """Where browsers find the console."""
    console: Program

    def sign_in(self, address: str = "127.0.0.1", name: str = VIEWER) -> httpx.Cookies:
        """Sign somebody in, from an address of this machine; return the browser's cookies.

        The viewer has every role but the auditor's, which nobody has beside an administrator's.
        """
        way = httpx.HTTPTransport(local_address=address)
        headers = {"Origin": self.origin}
        with httpx.Client(base_url=self.origin, headers=headers, timeout=START_S, transport=way) as client:
            fields = {"name": name, "password": PASSWORD}
            answer = client.post("/sign-in", data=fields)
            if answer.status_code != httpx.codes.SEE_OTHER:
                raise RuntimeError(f"signing in was refused: {answer.text}")
            return client.cookies


@contextmanager
def open_site(folder: Path) -> Iterator[Site]:
    """Serve the site in `folder`, which `make_site` has made."""
    cameras = tuple(CameraPlan(f"dep-{number}", f"D{number}") for number in range(COUNTERS))
    settings: dict[str, int | float | str] = {"escalate_after_seconds": 3_600}  # little happens beside what is measured
    config = StackConfig(folder, PACK.parent, cameras, model_pack=PACK.name, settings=settings)
    language = {"CEKALWATCH_CONSOLE_LANGUAGE": "en"}
    with Stack(config) as stack, web_console(stack, language) as pages:
        yield Site(stack, pages.address, pages.program)
