"""A port with a server of its own follows the list of a centre: both real, with certificates, in this process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
import uuid6
from sqlmodel import select

from cekalwatch.contract.values.imports import SyncRun
from cekalwatch.contract.values.watchlist import SyncOutcome
from cekalwatch.program.checks.results import CheckVerdict, Judged
from cekalwatch.server.audit.entry import Action, AuditEntry, operator
from cekalwatch.server.domain.orders.agencies import Agency
from cekalwatch.server.domain.orders.law_table import SHIPPED
from cekalwatch.server.foundation.clock import SystemClock
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.recognition.enrolment import Enroller, Enrolment
from cekalwatch.server.settings.settings import ServerSettings
from cekalwatch.server.setup.checks.network import other_places
from cekalwatch.server.storage.audit.store import AuditStore
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.sync.tables import SyncStateRow
from cekalwatch.server.storage.watchlist.agencies import AgencyStore
from cekalwatch.server.storage.watchlist.law import LawStore
from cekalwatch.server.watchlist.agencies import AgencyRegistry
from cekalwatch.server.watchlist.sources.centre.centre import PortCaller
from cekalwatch.v1.list_feed_service_pb2 import PortServer, ReadListRequest
from cekalwatch.v1.list_feed_service_pb2_grpc import ListFeedServiceStub
from cekalwatch.v1.port_pb2 import PortStatus
from cekalwatch.wire.identity import DeviceRole, Identity
from tests.support.builders.keys import key_store
from tests.support.builders.watchlist import order, subject
from tests.support.scenarios.centre import status_of
from tests.support.scenarios.centre_and_port import PORT_SITE, Centre, Port, port_running
from tests.support.scenarios.server import engine, list_astronaut, order_in_force, reason_of
from tests.support.scenarios.sign_in import becomes as becomes_so
from tests.support.scenarios.site_pki import Site, now

WAIT_S = 60.0


@pytest.fixture
def centre(tmp_path: Path) -> Centre:
    return Centre(Site(tmp_path / "centre"), tmp_path)


async def becomes(is_so: Callable[[], bool]) -> None:
    """Wait until it is so: what a server does by itself, it tells nobody."""
    async with asyncio.timeout(WAIT_S):
        while not await asyncio.to_thread(is_so):  # noqa: ASYNC110  # nothing announces it
            await asyncio.sleep(0.05)


def newest(port: Port) -> SyncRun | None:
    return next(iter(port.syncs.runs(1)), None)


def is_done(port: Port) -> bool:
    run = newest(port)
    return run is not None and run.outcome is SyncOutcome.DONE


def failed_with(port: Port, code: Code) -> Callable[[], bool]:
    return lambda: any(run.reason == code for run in port.syncs.runs(3))


async def checked(port: Port) -> Judged:
    """What `check` says of the centre."""
    return dict(await asyncio.to_thread(lambda: list(other_places(port.settings))))["centre"]


def count_enrolments(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Return the list to which each photograph is added of which a template is made from now on."""
    made, enrol = list[bytes](), Enroller.enrol

    def counted(self: Enroller, data: bytes) -> Enrolment:
        made.append(data)
        return enrol(self, data)

    monkeypatch.setattr(Enroller, "enrol", counted)
    return made


@pytest.mark.slow
async def test_what_changes_at_the_centre_is_searched_at_the_port_and_nothing_is_embedded_there(
    centre: Centre, monkeypatch: pytest.MonkeyPatch
) -> None:
    list_astronaut(centre.settings, order_in_force(order_id="O-1"))
    embedded = count_enrolments(monkeypatch)
    async with centre.open() as line, port_running(centre.port_settings(line.address)) as port:
        await becomes(lambda: port.orders() == {"O-1": True})
        await port.searches(1)
        await port.pass_by()
        assert await port.alerts() == 1
        with centre.opened() as list_:
            # Revoked at the centre: the person is searched no more.
            list_.put(subject(nationality="USA"), order_in_force(order_id="O-1", revoked_at=datetime.now(UTC)))
            await becomes(lambda: port.watchlist.get_subject("S-1").orders[0].revoked_at is not None)
            await port.searches(0)
            await port.pass_by()
            assert await port.alerts() == 1
            # Another order of the same person, and one of a person who is then deleted.
            list_.put(subject(nationality="USA"), order_in_force(order_id="O-2"))
            list_.put(subject("S-9"), order("O-9", subject_id="S-9"))
            await becomes(lambda: port.orders() == {"O-1": True, "O-2": True, "O-9": True})
            list_.delete_subject("S-9", lambda _: AuditEntry(now(), operator(), Action.SUBJECT_DELETED))
            await becomes(lambda: port.orders() == {"O-1": True, "O-2": True})
            assert port.watchlist.held(["S-9"]) == [], "who was deleted at the centre is erased here, at once"
        await port.searches(1)
        await port.pass_by()
        assert await port.alerts() == 2
        assert embedded == []
    actions = centre.trail()
    for action in (Action.LIST_FOLLOWED, Action.LIST_READ, Action.REFERENCES_FETCHED):
        assert action in actions


@pytest.mark.slow
async def test_the_centre_says_which_port_follows_since_when_and_with_how_old_a_list(centre: Centre) -> None:
    list_astronaut(centre.settings, order_in_force(order_id="O-1"))
    async with centre.open() as line:
        address = f"127.0.0.1:{line.server_port}"

        async def known() -> PortStatus | None:
            return next(iter((await status_of(centre.site, address)).ports), None)

        async def all_is_said() -> bool:
            one = await known()
            return bool(one and one.follows_list and one.connected and one.HasField("list_time"))

        async with port_running(centre.port_settings(line.address)) as port:
            await becomes(lambda: port.orders() == {"O-1": True})
            await becomes_so(all_is_said)
            one = await known()
            assert one
            assert (one.site, one.name) == (PORT_SITE, "main")
            assert one.model_version == engine().recogniser.model_version
            began = one.follow_since_time.ToDatetime(UTC)
            assert began <= one.last_heard_time.ToDatetime(UTC) <= datetime.now(UTC)

        async def has_left() -> bool:
            one = await known()
            return bool(one and not one.follows_list and not one.connected)

        await becomes_so(has_left)
        one = await known()
        assert one
        assert one.follow_since_time.ToDatetime(UTC) > began


@pytest.mark.slow
async def test_a_port_goes_on_without_the_line_and_catches_up_by_what_changed(centre: Centre) -> None:
    list_astronaut(centre.settings, order_in_force(order_id="O-1"))
    async with centre.open() as line, port_running(centre.port_settings(line.address)) as port:
        await becomes(lambda: port.orders() == {"O-1": True})
        await port.searches(1)
        line.cut()
        await becomes(failed_with(port, Code.SOURCE_UNAVAILABLE))
        await port.pass_by()
        assert await port.alerts() == 1
        with centre.opened() as list_:
            list_.put(subject("S-2"), order("O-2", subject_id="S-2"))
        line.mend()
        await becomes(lambda: port.orders() == {"O-1": True, "O-2": True})
        await becomes(lambda: is_done(port))
        caught_up = next(run for run in port.syncs.runs(100) if run.counts.added and not run.whole)
        assert (caught_up.counts.read, caught_up.counts.added) == (1, 1)
        # How old the centre's own list is, the port knows while it cannot ask.
        told = port.watchlist.sources_of(f"centre {line.address}")
        assert set(told) == {f"centre {line.address}: import"}
        assert None not in told.values()


@pytest.mark.slow
async def test_a_port_starts_over_where_the_centre_does_not_know_its_position(centre: Centre) -> None:
    list_astronaut(centre.settings, order_in_force(order_id="O-1"))
    with centre.opened() as list_:
        list_.put(subject("S-2"), order("O-2", subject_id="S-2"))
    async with centre.open() as line:
        chosen = centre.port_settings(line.address)
        async with port_running(chosen) as port:
            await becomes(lambda: port.orders() == {"O-1": True, "O-2": True})
            await becomes(lambda: is_done(port))
        # The centre's database is another one now, with another list.
        centre.begin_anew()
        list_astronaut(centre.settings, order_in_force(order_id="O-1"))
    async with centre.open() as other:
        chosen = centre.port_settings(other.address)
        rename_source(chosen, f"centre {other.address}")
        async with port_running(chosen) as port:
            await becomes(lambda: port.orders() == {"O-1": True, "O-2": False})
            assert next(run for run in port.syncs.runs(100) if run.counts.ended).whole


@pytest.mark.slow
async def test_a_port_that_is_revoked_stops_at_once_and_says_so(centre: Centre) -> None:
    list_astronaut(centre.settings, order_in_force(order_id="O-1"))
    async with centre.open() as line, port_running(centre.port_settings(line.address)) as port:
        await becomes(lambda: port.orders() == {"O-1": True})
        await port.searches(1)
        assert (await checked(port))[0] is CheckVerdict.OK
        centre.site.pki.revoke(Identity(DeviceRole.PORT, PORT_SITE, "main"), now())
        await becomes(failed_with(port, Code.CERTIFICATE_REVOKED))
        verdict, text = await checked(port)
        assert (verdict, "was revoked" in text) == (CheckVerdict.FAIL, True), text
        with centre.opened() as list_:
            list_.put(subject("S-2"), order("O-2", subject_id="S-2"))
        runs = len(port.syncs.runs(100))
        await becomes(lambda: len(port.syncs.runs(100)) > runs + 1)  # one may have begun before the change
        assert port.orders() == {"O-1": True}
        await port.pass_by()
        assert await port.alerts() == 1


@pytest.mark.slow
async def test_one_certificate_is_for_one_program_and_for_its_own_site(centre: Centre) -> None:
    list_astronaut(centre.settings, order_in_force(order_id="O-1"))
    async with centre.open() as line, port_running(centre.port_settings(line.address)) as port:
        await becomes(lambda: port.orders() == {"O-1": True})
        second = centre.port_settings(line.address, data_dir=centre.folder / "second")
        async with port_running(second) as twin:
            await becomes(failed_with(twin, Code.PORT_FOLLOWED_ELSEWHERE))
            assert twin.orders() == {}
        elsewhere = centre.port_settings(
            line.address, data_dir=centre.folder / "third", sites=({"site": "tanjung-uban"},), cameras=()
        )
        async with port_running(elsewhere) as stranger:
            await becomes(failed_with(stranger, Code.SITE_NOT_ALLOWED))
            assert any("is for the port sekupang" in run.detail for run in stranger.syncs.runs(3))
            assert stranger.orders() == {}
        files = centre.site.device(DeviceRole.PORT, "main", PORT_SITE)
        async with centre.site.dialer(line.address, files).aio_channel() as channel:
            # Its own program refuses that before it asks; one that was taken over does not.
            own = PortServer(sites=["tanjung-uban"], run_id=str(uuid6.uuid7()))
            stub: Any = ListFeedServiceStub(channel)
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await stub.ReadList(ReadListRequest(port=own))
            assert reason_of(refused.value) == Code.SITE_NOT_ALLOWED
        assert is_done(port)


@pytest.mark.slow
async def test_a_port_with_another_model_makes_its_templates_itself(
    centre: Centre, monkeypatch: pytest.MonkeyPatch
) -> None:
    list_astronaut(centre.settings, order_in_force(order_id="O-1"))
    embedded, said = count_enrolments(monkeypatch), PortCaller.message

    def of_another_model(self: PortCaller) -> PortServer:
        message = said(self)
        message.model_version = "other-00000000"
        return message

    monkeypatch.setattr(PortCaller, "message", of_another_model)
    async with centre.open() as line, port_running(centre.port_settings(line.address)) as port:
        await port.searches(1)
        await port.pass_by()
        assert await port.alerts() == 1
    assert len(embedded) == 1


def rename_source(chosen: ServerSettings, name: str) -> None:
    """Let the port's state be of the source `name`: the centre's address in a test is another one each time."""
    with closing(Database(chosen.database_address)) as database:
        key_store(database, chosen.master_key_source)
        with database.session() as session:
            session.exec(select(SyncStateRow)).one().source = name
            session.commit()


@pytest.mark.slow
async def test_the_centres_agencies_are_the_ports(centre: Centre) -> None:
    list_astronaut(centre.settings, order_in_force(order_id="O-1", revocation_reference="S-9/2026"))
    async with centre.open() as line, port_running(centre.port_settings(line.address)) as port:
        with centre.opened() as list_:
            there = AgencyStore(list_._database)  # of the same database
            there.put(Agency("DINAS", "Dinas Contoh"), AuditEntry(now(), operator(), Action.AGENCY_PUT))
        here = AgencyStore(port.database)
        await becomes(lambda: here.read().code_of("Dinas Contoh") == "DINAS")
        await becomes(lambda: port.orders() == {"O-1": True})
        assert port.watchlist.get_subject("S-1").orders[0].revocation_reference == "S-9/2026"
        registry = AgencyRegistry(here, SystemClock(), of_centre=True)
        with pytest.raises(CekalwatchError) as caught:
            registry.remove("DINAS", "", operator())
        assert caught.value.code is Code.KEPT_BY_CENTRE
        assert [link.action for link in AuditStore(port.database).links()].count(Action.AGENCIES_TAKEN_OVER) == 1


@pytest.mark.slow
async def test_the_centres_law_is_the_ports_and_takes_effect_while_it_runs(centre: Centre) -> None:
    """Two people at the centre added the row, which ends the order."""
    today = now().date()
    held = order_in_force(valid_from=today - timedelta(days=40), decree_date=today - timedelta(days=40))
    list_astronaut(centre.settings, held)
    row = replace(SHIPPED.row(held.kind, held.decided_on), holds_from=today - timedelta(days=41), term_months=1)
    async with centre.open() as line, port_running(centre.port_settings(line.address)) as port:
        await port.searches(1)
        with centre.opened() as list_:
            LawStore(list_._database).add(row, AuditEntry(now(), operator(), Action.LAW_ROW_ADDED))
        await port.searches(0)
        assert LawStore(port.database).read() == SHIPPED.with_row(row)
        assert [link.action for link in AuditStore(port.database).links()].count(Action.LAW_TAKEN_OVER) == 1
