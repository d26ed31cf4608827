"""Searches for a way in which one person, device or port alone silences a ban, by every call of the contract.

No method is named in the search of single requests, so that one that is added later is searched too; imports are
streams, and made by hand. After each call everybody whose order is in force still alerts, everywhere.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, ClassVar

import pytest
from google.protobuf import descriptor_pool, message_factory
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from cekalwatch.contract.codec.devices import ROLES
from cekalwatch.contract.codec.watchlist import ORDER, SUBJECT
from cekalwatch.contract.values.capture_policy import CapturePolicy
from cekalwatch.contract.values.silencing import NOTHING_SILENCED, Silencing
from cekalwatch.server.auth import limits
from cekalwatch.server.auth.rights import RIGHTS
from cekalwatch.server.domain.exercises import ExerciseSetting
from cekalwatch.server.domain.orders import silencing
from cekalwatch.server.domain.orders.law import OrderStanding
from cekalwatch.server.grpc_api.guard import Guard
from cekalwatch.server.grpc_api.served import Served
from cekalwatch.server.grpc_api.servicers import devices
from cekalwatch.server.grpc_api.servicers.people import PeopleCalls
from cekalwatch.server.storage.watchlist.record_store import RecordStore
from cekalwatch.server.watchlist.foresight import ListForesight
from cekalwatch.server.watchlist.imports.importer import ByHand
from cekalwatch.v1 import watchlist_service_pb2 as pb
from cekalwatch.wire.identity import DeviceRole
from tests.support.builders.watchlist_folder import COLUMNS, row
from tests.support.scenarios.guarded_port import DEVICES, ORDERS, PEOPLE, SHIFTS, WHO, Caller, GuardedPort
from tests.support.scenarios.people import OTHER_PASSWORD
from tests.support.scenarios.site_pki import SITE
from tests.unit.documentation.test_guarded_calls import named

SECONDS = 25.0
"""Of the search in `make test`; with the server's start it takes no more than 40."""
LONG_SECONDS = 600.0
HOLE_SECONDS = 120.0
STEPS = 40
A_ROUND = 20
"""Examples between two looks at the time."""

TODAY = datetime.now(UTC).date()
DAYS = [str(TODAY + timedelta(days=days)) for days in (-400, -40, -6, -5, -4, -1, 0, 1, 50, 400)] + [""]
KEYS = [f"O-{number}" for number in range(1, PEOPLE + 2)]
SUBJECTS = [f"S-{number}" for number in range(1, PEOPLE + 1)]
AGENCIES = ["KEJAGUNG", "KPK", "BNN"]
NAMES = ["Kejaksaan Agung", "KPK", "BNN", "Komisi Pemberantasan Korupsi", "Badan Narkotika Nasional"]
KNOWN: dict[str, list[Any]] = {
    "order_id": [*KEYS, "O-99"],
    "order_ids": [*KEYS],
    "extends_order_id": ["", *KEYS],
    "subject_id": [*SUBJECTS, "S-99"],
    "other_subject_id": SUBJECTS,
    "subject_ids": SUBJECTS,
    "code": AGENCIES,
    "other_names": NAMES,
    "requesting_agency": NAMES,
    "name": [*DEVICES.values(), *NAMES],
    "nationality": ["IDN", "MYS", ""],
    "page_token": [""],
    "password": [OTHER_PASSWORD],
    "new_password": [OTHER_PASSWORD],
    "nik": ["", "3171234567890123"],
    "camera_id": ["dep-1", "arr-1"],
    "site": [SITE, ""],
    "sites": [SITE],
    "counter": ["D1", "A1"],
    "counters": ["D1", "A1"],
    "sign_in_name": [*WHO],
    "threshold": [0.9, 0.99],
    "min_eye_distance_px": [80.0, 32.0],
    "max_yaw_degrees": [20.0, 50.0],
    "max_pitch_degrees": [20.0, 45.0],
    "min_detector_score": [0.9, 0.7],
    "max_crops_per_track": [2, 5],
    "jpeg_quality": [70, 85],
    "shifts": [*SHIFTS],
    "a_shift": [1, 2],
    "article": ["Pasal 1"],
    "holds_from": ["2020-01-01", str(TODAY)],
}
SHARED = ("valid_from", "valid_until", "received_on", "decree_date", "on_day", "date_of_birth")
KNOWN |= dict.fromkeys(SHARED, DAYS)
PRESENT = 0.85
"""The part of the fields that a request has."""


def methods() -> list[tuple[str, Any]]:
    """The calls of one request, without those that sign in and out: these are how calls are made."""
    found = []
    for path in sorted(RIGHTS):
        _, service, name = path.split("/")
        if service.startswith("cekalwatch.") and not service.endswith(".SessionService"):
            method = descriptor_pool.Default().FindServiceByName(service).methods_by_name[name]
            if not (method.client_streaming or method.server_streaming):
                found.append((path, method))
    return found


def callers(path: str) -> list[Caller]:
    """Who may make a call at all."""
    return [
        Caller(device, name)
        for device, grant in RIGHTS[path].devices.items()
        for name in ([one for one, role in WHO.items() if role in grant.people] if grant.people else [""])
    ]


METHODS = [(path, method, found) for path, method in methods() if (found := callers(path))]
READS = ("Get", "List", "Search", "Watch", "Verify", "Preview", "Read", "Fetch")
ACTS = [one for one in METHODS if not one[0].rpartition("/")[2].startswith(READS)]

GUARDED_ACTS = [one for one in ACTS if RIGHTS[one[0]].at_times]


def message(rng: Random, kind: Any) -> Message:
    made = message_factory.GetMessageClass(kind)()
    chosen = {one.name: rng.choice(one.fields).name for one in kind.oneofs}
    for field in kind.fields:
        within = field.containing_oneof
        if rng.random() < PRESENT and (within is None or chosen[within.name] == field.name):
            fill(rng, made, field)
    return made


def fill(rng: Random, made: Message, field: FieldDescriptor) -> None:
    if field.message_type and field.message_type.GetOptions().map_entry:
        return
    if field.is_repeated:
        for _ in range(rng.randint(0, 2)):
            getattr(made, field.name).append(single(rng, field))
    elif field.message_type:
        getattr(made, field.name).CopyFrom(single(rng, field))
    else:
        setattr(made, field.name, single(rng, field))


def single(rng: Random, field: FieldDescriptor) -> Any:
    if field.message_type:
        if field.message_type.full_name == "google.protobuf.Timestamp":
            return moment(rng.choice([-30, -1, 1]))
        return message(rng, field.message_type)
    if field.name in KNOWN:
        return rng.choice(KNOWN[field.name])
    if field.enum_type:
        return rng.choice([one.number for one in field.enum_type.values if one.number])
    if field.type == FieldDescriptor.TYPE_BOOL:
        return rng.random() < PRESENT / 2
    if field.type == FieldDescriptor.TYPE_STRING:
        return rng.choice(["", "Contoh", "1", "yes"])
    if field.type == FieldDescriptor.TYPE_BYTES:
        return b""
    return rng.choice([0, 1, 2, 80])


def moment(days: int) -> Timestamp:
    found = Timestamp()
    found.FromDatetime(datetime.now(UTC) + timedelta(days=days))
    return found


class OneAlone(RuleBasedStateMachine):
    """What one person can do at one device after another, alone."""

    port: ClassVar[GuardedPort]
    until_s: ClassVar[float]
    found: ClassVar[str] = ""
    calls: ClassVar[int] = 0
    answered: ClassVar[dict[str, int]] = {}

    @initialize()
    def begin(self) -> None:
        self.port.restore()
        self.how: list[str] = []

    def teardown(self) -> None:
        """Let somebody who is listed pass, unless the time is up."""
        if time.monotonic() < self.until_s and not self.port.alerts_at_a_passage():
            self.tell(["a passage without an alert"])

    def tell(self, found: list[str]) -> None:
        """End the search with what was found; raised here, Hypothesis would do the same again, with other numbers."""
        type(self).found, type(self).until_s = f"{found} after {self.calls} calls, at last {self.how}", 0.0

    def made(self, what: str, answers: list[Any]) -> None:
        type(self).calls += 1
        if answers:
            self.answered[what.split()[1]] = self.answered.get(what.split()[1], 0) + 1
            self.how.append(what)
            if found := self.port.silenced():
                self.tell(found)

    @rule(rng=st.randoms(use_true_random=True))
    def act(self, rng: Random) -> None:
        """Do one thing; a file takes a process of its own to read, and so it comes seldom."""
        if time.monotonic() < self.until_s:
            rng.seed(f"{rng.random()} {self.calls}")  # the same number is drawn often
            (acts,) = rng.choices([self.ask, self.import_one, self.import_file], [30, 9, 1])
            acts(rng)

    def ask(self, rng: Random) -> None:
        path, method, who = rng.choice(rng.choice([METHODS, ACTS, GUARDED_ACTS, GUARDED_ACTS]))
        caller = rng.choice(who)
        request = message(rng, method.input_type)
        self.see(rng, caller, request)
        answer = message_factory.GetMessageClass(method.output_type)
        told = self.port.call(caller, path, [request], answer)
        self.made(f"{caller.name or caller.device} {path.rpartition('/')[2]} {request}", told)

    def see(self, rng: Random, caller: Caller, request: Any) -> None:
        """Put in what a caller knows of what the request is about."""
        names = {one.name for one in request.DESCRIPTOR.fields}
        if "seen_mark" in names and ("code" in names or "agency" in names):
            code = request.code if "code" in names else request.agency.code
            request.seen_mark = self.port.mark_of_agency(code)
            if "agency" in names:
                request.agency.name, request.agency.other_names[:] = rng.choice(NAMES), rng.sample(NAMES, k=2)
        elif "seen_mark" in names and "order_id" in names:
            request.seen_mark = self.port.mark_of_order(request.subject_id)
        if request.DESCRIPTOR.name == "SetCameraPolicyRequest":
            request.number = self.port.number_of_policy(request.camera_id)
        self.name(rng, caller, request, names)

    def name(self, rng: Random, caller: Caller, request: Any, names: set[str]) -> None:
        """Put in keys of devices and of the alert that there is."""
        if {"role", "site", "name"} <= names:
            role, request.name = rng.choice([*DEVICES.items()])
            request.role, request.site = ROLES.number(role), SITE
        if "seen_roles" in names:
            del request.seen_roles[:], request.seen_sites[:]
        if "agent_id" in names:
            request.agent_id = DEVICES[caller.device]
        if "camera_id" in names and caller.device is DeviceRole.CAMERA:
            request.camera_id = DEVICES[caller.device]
        if "alert_id" in names:
            request.alert_id, version = self.port.newest_alert()
            if "version" in names:
                request.version = version

    def import_one(self, rng: Random) -> None:
        """Import a row of somebody whose order is in force, with some cells of another kind."""
        path = "/cekalwatch.v1.WatchlistService/ImportWatchlist"
        caller = rng.choice(callers(path))
        who, ban = rng.choice(ORDERS)
        made = pb.ImportRecord(subject=SUBJECT.write(who), order=ORDER.write(ban.shown))
        fields: list[tuple[Any, Any]] = [(made.order, one) for one in made.order.DESCRIPTOR.fields]
        fields += [(made.subject, one) for one in made.subject.DESCRIPTOR.fields if one.name != "name"]
        for part, field in rng.choices(fields, k=rng.randint(1, 3)):
            if not field.is_repeated:
                fill(rng, part, field)
        if rng.random() < PRESENT:
            made.order.subject_id = made.subject.subject_id
        requests = [pb.ImportWatchlistRequest(record=made), pb.ImportWatchlistRequest(finish=pb.ImportFinish())]
        told = self.port.call(caller, path, requests, pb.ImportWatchlistResponse)
        self.made(f"{caller.name or caller.device} ImportWatchlist {made}", told)

    def import_file(self, rng: Random) -> None:
        """Import a file of one row as it was previewed."""
        path = "/cekalwatch.v1.WatchlistService/ImportListFile"
        caller = rng.choice(callers(path))
        who, ban = rng.choice(ORDERS)
        days = {name: str(getattr(ban, name) or "") for name in ("valid_from", "valid_until", "received_on")}
        facts = {"decree_number": ban.decree_number, "decree_date": str(ban.decree_date or "")}
        facts |= {"kind": ban.kind, "requesting_agency": ban.requesting_agency, "name": who.name}
        facts |= {"subject_id": who.subject_id, "nationality": who.nationality, "urgent": "yes" if ban.urgent else ""}
        cells: Any = row(ban.order_id, **days | facts)
        for name in rng.choices(COLUMNS[1:], k=rng.randint(1, 3)):
            usual = [*DAYS, f"{DAYS[3]}T00:00:00+07:00", "yes", "CEGAH", "TANGKAL"]
            cells |= {name: rng.choice(KNOWN.get(name, usual))}
        told: list[Any] = []
        for digest in ("", None):
            asked = told[-1].ended.preview_digest if digest is None else ""
            told = self.port.call(caller, path, list(file_of(cells, asked)), pb.ImportListFileResponse)
            if not told:
                break
        self.made(f"{caller.name or caller.device} ImportListFile {cells}", told)


def file_of(cells: Any, digest: str) -> Iterator[pb.ImportListFileRequest]:
    table = ",".join(COLUMNS) + "\n" + ",".join(cells.get(name, "") for name in COLUMNS) + "\n"
    content = table.encode()
    begin = pb.ListFileBegin(name="list.csv", size=len(content), preview_digest=digest)
    for part in ({"begin": begin}, {"chunk": content}, {"end": pb.ListFileEnd()}):
        yield pb.ImportListFileRequest(**part)


AROUND = Guard.around
GUARDED: set[str] = set()
"""The calls that a server guards."""
REFUSED_TO_ALL = {"ImportWatchlist"}
"""Nobody can sign for it: what it would silence is refused."""


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GuardedPort]:
    folder: Path = tmp_path_factory.mktemp("guarded")

    def around(guard: Guard, served: Iterable[Served]) -> list[Served]:
        given = list(served)
        GUARDED.update(one.call.path.rpartition("/")[2] for one in given if one.silences)
        return AROUND(guard, given)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Guard, "around", around)
        found = GuardedPort(folder)
    yield found
    found.close()


@pytest.mark.slow
def test_the_page_on_people_names_what_the_server_guards(port: GuardedPort) -> None:
    assert port.server.port
    assert set(named("guarded")) == GUARDED | REFUSED_TO_ALL


def search(port: GuardedPort, seconds: float) -> type[OneAlone]:
    """Search until the time is up, or raise what was found."""
    OneAlone.port, OneAlone.until_s, OneAlone.calls, OneAlone.answered = port, time.monotonic() + seconds, 0, {}
    OneAlone.found = ""
    chosen = settings(
        max_examples=A_ROUND,
        stateful_step_count=STEPS,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        database=None,
        print_blob=False,
    )
    while time.monotonic() < OneAlone.until_s:
        run_state_machine_as_test(OneAlone, settings=chosen)
    print(f"{OneAlone.calls} calls, {sum(OneAlone.answered.values())} answered")  # noqa: T201  # of each hole
    assert not OneAlone.found, OneAlone.found
    return OneAlone


@pytest.mark.slow
def test_nobody_alone_silences_a_ban(port: GuardedPort, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_TOKENS", 1e9)  # no device makes thousands of calls in a row
    found = search(port, SECONDS)
    assert found.calls > 100
    assert sum(found.answered.values()) > found.calls / 4, "most arguments are refused as nonsense"


@pytest.mark.slow
@pytest.mark.exhaustive
@pytest.mark.timeout(900)
def test_nobody_alone_silences_a_ban_in_ten_minutes(port: GuardedPort, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same as `test_nobody_alone_silences_a_ban`, for longer."""
    monkeypatch.setattr(limits, "MAX_TOKENS", 1e9)
    search(port, LONG_SECONDS)


def nothing(*_: object) -> Silencing:
    return NOTHING_SILENCED


def put_whatever(store: Any, records: Any, note: Any, refuses: Any) -> Any:  # noqa: ARG001  # takes the guard's place
    return PUT_TOGETHER(store, records, note, None)


PUT_TOGETHER = RecordStore._put_together
HOLES: dict[str, tuple[object, str, Any]] = {
    "imports": (ByHand, "refuses", lambda *_: False),
    "agencies": (ListForesight, "under", nothing),
    "photographs": (silencing, "_photographs", lambda _: frozenset()),
    "later": (OrderStanding, "changes", lambda *_: iter(())),
    "guard": (Guard, "require_two", lambda *_: None),
    "cameras": (CapturePolicy, "sends_less_than", lambda *_: False),
    "exercises": (ExerciseSetting, "asks_less_than", lambda *_: False),
    "whom a record concerns": (RecordStore, "_concerned", lambda *_: frozenset()),
    "taken back": (RecordStore, "_put_together", put_whatever),
    "the last PC": (devices, "DESKS", ()),
    "people": (PeopleCalls, "_silences", nothing),
}
"""What is taken out of the guard, each of which the search must find."""


@pytest.mark.slow
@pytest.mark.exhaustive
@pytest.mark.timeout(900)
@pytest.mark.parametrize("hole", HOLES)
def test_each_hole_is_found(port: GuardedPort, hole: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_TOKENS", 1e9)
    where, name, instead = HOLES[hole]
    monkeypatch.setattr(where, name, instead)
    with pytest.raises(AssertionError, match="calls, at last"):
        search(port, HOLE_SECONDS)
