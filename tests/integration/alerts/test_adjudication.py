"""People work on alerts at a real server: they sign in, and the server enforces the life of an alert."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest

from cekalwatch.contract.values.people import PersonRole
from cekalwatch.server.audit.entry import Action, Actor, ActorKind, AuditEntry
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.people.store import PeopleStore
from cekalwatch.server.storage.watchlist.store import WatchlistStore
from cekalwatch.server.wiring import events as events_wiring
from cekalwatch.v1 import adjudication_pb2 as words
from cekalwatch.v1 import alert_pb2, session_service_pb2
from cekalwatch.v1 import alert_service_pb2 as messages
from cekalwatch.v1.alert_service_pb2_grpc import AlertServiceStub
from cekalwatch.v1.session_service_pb2_grpc import SessionServiceStub
from cekalwatch.wire.tokens import bearer
from tests.support.builders.keys import keyring
from tests.support.scenarios.people import Office, person
from tests.support.scenarios.port_office import WAIT_S, PortOffice, Seat, events_until, port_office, seen, sign_in, told
from tests.support.scenarios.server import CaptureClient, face, list_astronaut, reason_of, running, settings
from tests.support.scenarios.sign_in import becomes

pytestmark = pytest.mark.usefixtures("_bounded")


@pytest.fixture
async def _bounded() -> AsyncIterator[None]:
    async with asyncio.timeout(120):
        yield


@pytest.fixture
def closed_office(tmp_path: Path) -> PortOffice:
    people = {"budi": (), "ani": (), "siti": (PersonRole.SUPERVISOR,), "dewi": (PersonRole.AUDITOR,)}
    return port_office(tmp_path, people, grouping_window_seconds=0, escalate_after_seconds=60)


@pytest.fixture
async def office(closed_office: PortOffice) -> AsyncIterator[PortOffice]:
    async with closed_office.open():
        yield closed_office


@asynccontextmanager
async def time_flies(office: PortOffice) -> AsyncIterator[None]:
    """Let time pass, a third of a lease at once: the server looks in between."""

    async def fly() -> None:
        while True:
            office.clock.go(seconds=30)
            await asyncio.sleep(0.5)

    flying = asyncio.create_task(fly())
    yield
    flying.cancel()


def at_the_whole_site(event: alert_pb2.AlertEvent) -> bool:
    return (
        event.type == alert_pb2.ALERT_EVENT_TYPE_ESCALATED and event.alert.handling.escalation == words.ESCALATION_SITE
    )


async def referred(office: PortOffice, officer: Seat) -> alert_pb2.Alert:
    return await officer.judge(await officer.claim(await office.raise_alert()))


@pytest.mark.slow
async def test_two_people_bring_an_alert_from_new_to_closed_and_every_agent_follows(office: PortOffice):
    budi, siti = await office.sign_in("budi"), await office.sign_in("siti")
    watching = (await office.sign_in("siti", "pc-hall")).subscribe(named=True)
    alert_id = await office.raise_alert()
    claimed = await budi.claim(alert_id)
    assert claimed.state == words.ALERT_STATE_CLAIMED
    assert claimed.handling.claim.holder.display_name == office.people["budi"].display_name
    assert claimed.handling.claim.agent_id == "pc-budi"
    referral = await budi.judge(claimed, note="same scar")
    hit = await siti.confirm(referral)
    assert (hit.state, hit.handling.cekal_online_reference) == (words.ALERT_STATE_CONFIRMED, "CO-2026/0117")
    assert await siti.refusal("CloseAlert", **seen(hit)) == "FOLLOW_UP_MISSING"
    closed = await budi.close(await siti.follow_up(hit))
    assert closed.state == words.ALERT_STATE_CLOSED
    assert [one.person.display_name for one in closed.handling.findings] == [
        office.people[name].display_name for name in ("budi", "siti")
    ]
    assert await siti.get(alert_id) == closed

    events = await events_until(watching, lambda event: event.type == alert_pb2.ALERT_EVENT_TYPE_CLOSED)
    watching.cancel()
    kinds = [alert_pb2.AlertEventType.Name(event.type).removeprefix("ALERT_EVENT_TYPE_") for event in events]
    assert kinds == ["RAISED", "CLAIMED", "ADJUDICATED", "CONFIRMED", "FOLLOWED_UP", "CLOSED"]
    assert [event.alert.version for event in events] == sorted(event.alert.version for event in events)
    assert [event.capture_id != "" for event in events] == [True, False, False, False, False, False]
    actors = {one.action: one.actor for one in office.trail()}
    assert actors[Action.ALERT_ADJUDICATED] == f"person:{office.people['budi'].person_id}@batam-center/notifier/pc-budi"
    assert actors[Action.ALERT_CONFIRMED] == f"person:{office.people['siti'].person_id}@batam-center/notifier/pc-siti"


async def test_of_two_who_claim_at_once_one_wins_and_the_other_is_told_who(office: PortOffice):
    seats = [await office.sign_in("budi"), await office.sign_in("ani")]
    alert_id = await office.raise_alert()
    outcomes = await asyncio.gather(*(seat.claim(alert_id) for seat in seats), return_exceptions=True)
    (error,) = [one for one in outcomes if isinstance(one, grpc.aio.AioRpcError)]
    (alert,) = [one for one in outcomes if isinstance(one, alert_pb2.Alert)]
    assert reason_of(error) == "ALERT_HELD"
    assert told(error) == {"holder": alert.handling.claim.holder.display_name}


@pytest.mark.slow
async def test_steps_that_must_not_be_are_refused_with_their_code_and_change_nothing(office: PortOffice):
    budi, ani, siti = [await office.sign_in(name) for name in ("budi", "ani", "siti")]
    alert = await budi.claim(await office.raise_alert())

    def judged(seat: Seat, **changes: Any) -> dict[str, Any]:
        usual = {
            **seen(alert),
            "agent_id": seat.agent_id,
            "outcome": words.OUTCOME_REFERRED,
            "reason": words.REASON_FACE_AGREES,
        }
        return usual | changes

    for seat, changes, code in (
        (budi, {"version": 0}, "ALERT_CHANGED"),
        (ani, {}, "ALERT_HELD"),
        (budi, {"agent_id": "pc-ani"}, "NAME_NOT_ALLOWED"),
        (budi, {"reason": 0}, "REASON_INVALID"),
        (budi, {"reason": 99}, "REASON_INVALID"),
        (budi, {"reason": words.REASON_FACE_DIFFERS}, "REASON_INVALID"),
        (budi, {"outcome": 99}, "OUTCOME_NOT_ALLOWED"),
        (
            budi,
            {"outcome": words.OUTCOME_CONFIRMED, "reason": words.REASON_LISTED_IN_CEKAL_ONLINE},
            "OUTCOME_NOT_ALLOWED",
        ),
        (budi, {"note": "x" * 1001}, "NOTE_INVALID"),
        (budi, {"note": "\x1b[2J"}, "NOTE_INVALID"),
        (budi, {"reason": words.REASON_OTHER}, "NOTE_INVALID"),
        (budi, {"alert_id": "01a210d1-c675-7147-9ff8-c79e4db1539a"}, "ALERT_NOT_FOUND"),
        (budi, {"alert_id": "no key"}, "ALERT_NOT_FOUND"),
    ):
        assert await seat.refusal("AdjudicateAlert", **judged(seat, **changes)) == code, changes
    assert await ani.refusal("ReleaseAlert", alert_id=alert.alert_id, agent_id="pc-ani") == "ALERT_HELD"
    assert await siti.refusal("ConfirmAlert", **seen(alert), cekal_online_reference="CO-1/2") == "ALERT_STATE_WRONG"
    assert await budi.get(alert.alert_id) == alert

    alert = await budi.judge(alert, note="x" * 1000)
    for reference in ("", "?", "co-2026", "A" * 65, "A" * 100_000, "CO-1\n"):
        assert (
            await siti.refusal("ConfirmAlert", **seen(alert), cekal_online_reference=reference) == "REFERENCE_INVALID"
        )
    assert await budi.refusal("ConfirmAlert", **seen(alert), cekal_online_reference="CO-1/2") == "PERSON_ROLE_NEEDED"
    assert await siti.refusal("RecordFollowUp", **seen(alert), follow_up=words.FollowUp()) == "ARGUMENT_INVALID"
    to_come = words.FollowUp(agency="Kejaksaan", contact="piket", result="dua petugas datang")
    to_come.contact_time.FromDatetime(datetime.now(UTC) + timedelta(hours=2))
    assert await siti.refusal("RecordFollowUp", **seen(alert), follow_up=to_come) == "CONTACT_TIME_AHEAD"
    assert await budi.get(alert.alert_id) == alert

    cleared = (await siti.call("ClearAlert", **seen(alert), reason=words.REASON_NOT_LISTED_IN_CEKAL_ONLINE)).alert
    alert = await budi.close(cleared)
    assert await budi.refusal("AdjudicateAlert", **judged(budi)) == "ALERT_STATE_WRONG"
    assert await budi.refusal("ClaimAlert", alert_id=alert.alert_id, agent_id="pc-budi") == "ALERT_STATE_WRONG"
    assert await budi.refusal("CloseAlert", **seen(alert)) == "ALERT_STATE_WRONG"


async def test_an_order_that_was_revoked_meanwhile_is_neither_referred_nor_confirmed(office: PortOffice):
    budi, siti = await office.sign_in("budi"), await office.sign_in("siti")
    held, pending = await budi.claim(await office.raise_alert("1")), await referred(office, budi)
    assert held.alert_id != pending.alert_id
    hall = (await office.pc("pc-hall")).subscribe()
    watchlist = WatchlistStore(office.database, keyring(office.database, office.settings.master_key_source))
    file = watchlist.get_subject("S-1")
    watchlist.put(file.subject, replace(file.orders[0], revoked_at=datetime.now(UTC) - timedelta(seconds=1)), [])
    for _ in range(2):
        await events_until(hall, lambda event: event.type == alert_pb2.ALERT_EVENT_TYPE_ORDERS_ENDED)
    held, pending = await budi.get(held.alert_id), await siti.get(pending.alert_id)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await budi.judge(held)
    assert reason_of(caught.value) == "ORDER_NOT_IN_FORCE"
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await siti.confirm(pending)
    assert reason_of(caught.value) == "ORDER_NOT_IN_FORCE"
    cleared = await siti.call("ClearAlert", **seen(pending), reason=words.REASON_ORDER_ENDED)
    assert cleared.alert.state == words.ALERT_STATE_CLEARED


@pytest.mark.slow
async def test_a_claim_whose_pc_died_is_given_back_and_goes_up_to_everybody_at_the_site(office: PortOffice):
    budi = await office.sign_in("budi")
    elsewhere = await office.pc("pc-elsewhere")
    far = elsewhere.subscribe(filter=messages.AlertFilter(counters=["A1"]))
    hall = (await office.pc("pc-hall")).subscribe()
    assert (await far.read()).HasField("subscribed")
    alert = await budi.claim(await office.raise_alert())
    async with time_flies(office):
        released = (await events_until(hall, lambda event: event.type == alert_pb2.ALERT_EVENT_TYPE_RELEASED))[-1]
    assert released.alert.state == words.ALERT_STATE_NEW
    assert not released.alert.handling.HasField("claim")
    office.clock.go(seconds=61)
    await events_until(hall, at_the_whole_site)
    # At another counter it is heard of now, and by nobody before.
    heard = await events_until(far, at_the_whole_site)
    assert {event.alert.handling.escalation for event in heard} == {words.ESCALATION_SITE}
    assert (await budi.claim(alert.alert_id)).handling.escalation == words.ESCALATION_SITE
    claimed = await events_until(far, lambda event: event.type == alert_pb2.ALERT_EVENT_TYPE_CLAIMED)
    assert len(claimed) == 1
    hall.cancel()
    far.cancel()


async def test_an_agent_that_was_away_is_told_first_what_waits_still(office: PortOffice):
    budi, hall = await office.sign_in("budi"), await office.pc("pc-hall")
    before = hall.subscribe()
    assert (await before.read()).HasField("subscribed")
    before.cancel()
    first = await budi.claim(await office.raise_alert("1"))
    await budi.judge(first, words.OUTCOME_NOT_SAME_PERSON, words.REASON_FACE_DIFFERS)
    waits = await office.raise_alert("2")
    office.clock.go(minutes=2)
    call = hall.subscribe()
    assert (await call.read()).HasField("subscribed")
    ahead = await call.read()
    assert ahead.waiting_alert.alert_id == waits
    events = await events_until(call, lambda event: event.alert.alert_id == waits)
    assert [event.alert.alert_id for event in events] == [first.alert_id] * 3 + [waits]
    call.cancel()


async def test_supervisors_list_what_is_open_and_count_the_shift(office: PortOffice):
    budi, siti, dewi = [await office.sign_in(name) for name in ("budi", "siti", "dewi")]
    start = datetime.now(UTC) - timedelta(minutes=1)
    false = await budi.claim(await office.raise_alert("1"))
    await budi.judge(false, words.OUTCOME_NOT_SAME_PERSON, words.REASON_FACE_DIFFERS)
    pending = await referred(office, budi)
    new = await office.raise_alert("3")
    await siti.look(await siti.get(pending.alert_id))
    page = await siti.call("ListAlerts", states=[words.ALERT_STATE_NEW, words.ALERT_STATE_REFERRED])
    assert [alert.alert_id for alert in page.alerts] == [new, pending.alert_id]
    assert page.alerts[1].handling.findings[0].person.display_name == office.people["budi"].display_name
    assert await siti.refusal("ListAlerts", states=[0]) == "ARGUMENT_INVALID"

    shift = messages.GetShiftReportRequest()
    shift.start_time.FromDatetime(start)
    report = await dewi.call("GetShiftReport", start_time=shift.start_time)
    assert (report.raised, report.cleared, report.confirmed, report.open) == (3, 1, 0, 2)
    assert [(tally.key, tally.cleared) for tally in report.cameras] == [("dep-1", 1)]
    assert [(tally.key, tally.cleared) for tally in report.lists] == [("CEGAH", 1)]
    assert await budi.refusal("GetShiftReport", start_time=shift.start_time) == "PERSON_ROLE_NEEDED"
    assert await siti.refusal("GetShiftReport") == "ARGUMENT_INVALID"
    assert await siti.refusal("GetShiftReport", start_time=shift.start_time, site="sekupang") == "SITE_NOT_ALLOWED"


@pytest.mark.slow
async def test_also_in_plaintext_somebody_must_have_signed_in_and_is_not_counted(tmp_path: Path):
    chosen = settings(tmp_path)
    list_astronaut(chosen)
    async with running(chosen) as server:
        camera = await CaptureClient.open(server.channel)
        assert (await camera.receipt(face()))[0] == "ACCEPTED"
        camera.call.cancel()
        stub: Any = AlertServiceStub(server.channel)
        (alert,) = (await stub.ListAlerts(messages.ListAlertsRequest())).alerts
        request = messages.ClaimAlertRequest(alert_id=alert.alert_id, agent_id="pc-1")
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.ClaimAlert(request)
        assert reason_of(caught.value) == "SIGN_IN_NEEDED"
        database = Database(chosen.database_address)
        office = Office(database)
        office.hire(person("budi"))
        office.hire(person("manager", PersonRole.LIST_MANAGER))
        database.close()
        token = await sign_in(server.channel, "budi")
        answer = await stub.ClaimAlert(request, metadata=bearer(token), timeout=WAIT_S)
        assert answer.alert.handling.claim.agent_id == "pc-1"
        # Who has signed in is not counted either: 60 calls at once would be more than a device may make.
        calls = [stub.ClaimAlert(request, metadata=bearer(token), timeout=WAIT_S) for _ in range(60)]
        assert len(await asyncio.gather(*calls)) == 60
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.ClaimAlert(request, metadata=bearer(await sign_in(server.channel, "manager")))
        assert reason_of(caught.value) == "PERSON_ROLE_NEEDED"


@pytest.mark.slow
async def test_from_the_supervisors_list_on_every_referral_elsewhere_reaches_the_pc(
    closed_office: PortOffice, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(
        events_wiring, "SUPERVISED_PERIOD_S", 3600.0
    )  # nothing may hang on who sits there being looked up
    async with closed_office.open() as office:
        budi, hall = await office.sign_in("budi"), await office.pc("pc-hall")
        elsewhere = messages.AlertFilter(counters=["A1"])
        watching = hall.subscribe(filter=elsewhere)
        assert (await watching.read()).HasField("subscribed")
        before = await referred(office, budi)

        hall.token = await sign_in(hall.channel, "siti")
        assert [alert.alert_id for alert in (await hall.call("ListAlerts", filter=elsewhere)).alerts] == [
            before.alert_id
        ]
        after = await budi.judge(await budi.claim(await office.raise_alert("2")))
        # The first alert's own event may still have been on its way when she signed in.
        *_, first = await events_until(watching, lambda event: event.alert.alert_id == after.alert_id)
        assert first.alert.state == words.ALERT_STATE_UNSPECIFIED, "how it was judged comes after her own look"
        watching.cancel()
        assert (await budi.call("ListAlerts", filter=elsewhere)).alerts == []


@pytest.mark.slow
async def test_a_referral_reaches_a_pc_where_a_supervisor_signed_in_without_a_list(office: PortOffice):
    budi, hall = await office.sign_in("budi"), await office.pc("pc-hall")
    watching = hall.subscribe(filter=messages.AlertFilter(counters=["A1"]))
    await sign_in(hall.channel, "siti")
    arriving = asyncio.create_task(events_until(watching, lambda _: True))
    referrals = 1
    while not arriving.done():  # who sits where is looked up at intervals
        await budi.judge(await budi.claim(await office.raise_alert(str(referrals))))
        referrals += 1
        await asyncio.wait([arriving], timeout=0.5)
    assert arriving.result()[0].alert.first_look == words.FIRST_LOOK_NEEDED
    watching.cancel()


@pytest.mark.slow
async def test_who_signs_out_or_is_disabled_holds_nothing_any_more(office: PortOffice):
    budi, siti = await office.sign_in("budi"), await office.sign_in("siti")
    hall = (await office.pc("pc-hall")).subscribe()
    alert = await budi.claim(await office.raise_alert())
    sessions: Any = SessionServiceStub(budi.channel)
    await sessions.SignOut(session_service_pb2.SignOutRequest(), metadata=bearer(budi.token))
    assert (await siti.get(alert.alert_id)).state == words.ALERT_STATE_NEW, "at once"
    ani = await office.sign_in("ani")
    await ani.claim(alert.alert_id)
    entry = AuditEntry(datetime.now(UTC), Actor(ActorKind.COMMAND, "test"), Action.PERSON_CHANGED)
    PeopleStore(office.database).change(replace(office.people["ani"], disabled=True), entry)
    released = lambda event: event.type == alert_pb2.ALERT_EVENT_TYPE_RELEASED  # noqa: E731
    for _ in range(2):
        await events_until(hall, released)
    assert (await siti.get(alert.alert_id)).state == words.ALERT_STATE_NEW
    hall.cancel()


@pytest.mark.slow
async def test_two_supervisors_confirm_once_no_officer_is_at_a_pc_of_the_site(office: PortOffice):
    office.hire("rina", PersonRole.SUPERVISOR)
    siti, rina, budi = [await office.sign_in(name) for name in ("siti", "rina", "budi")]
    at_the_counter = budi.subscribe()
    await at_the_counter.read()
    claimed = await siti.claim(await office.raise_alert())
    referral = await siti.judge(claimed)

    async def is_refused_with(code: str) -> bool:
        """Ask with an older version, so that nothing is confirmed."""
        return await rina.refusal("ConfirmAlert", **seen(claimed), cekal_online_reference="CO-2026/0117") == code

    await becomes(lambda: is_refused_with("OFFICER_THERE"))
    sessions: Any = SessionServiceStub(budi.channel)
    await sessions.SignOut(session_service_pb2.SignOutRequest(), metadata=bearer(budi.token))
    await becomes(lambda: is_refused_with("ALERT_CHANGED"))
    assert (await rina.confirm(referral)).state == words.ALERT_STATE_CONFIRMED
    at_the_counter.cancel()


@pytest.mark.slow
async def test_a_confirmation_without_cekal_online_is_provisional_until_its_number_is_entered(office: PortOffice):
    budi, siti = await office.sign_in("budi"), await office.sign_in("siti")
    alert = await referred(office, budi)
    down = words.REASON_CENTRAL_SYSTEM_DOWN
    hit = (await siti.call("ConfirmAlert", **seen(alert), reason=down)).alert
    assert (hit.state, hit.handling.cekal_online_reference) == (words.ALERT_STATE_CONFIRMED, "")
    owed = await siti.call("ListAlerts", reference_owed=True)
    assert [one.alert_id for one in owed.alerts] == [hit.alert_id]
    told = await siti.follow_up(hit)
    assert await siti.refusal("CloseAlert", **seen(told)) == "REFERENCE_OWED"
    assert await budi.refusal("EnterReference", **seen(told), cekal_online_reference="CO-1/2") == "PERSON_ROLE_NEEDED"
    entered = (await siti.call("EnterReference", **seen(told), cekal_online_reference="CO-2026/0117")).alert
    assert not (await siti.call("ListAlerts", reference_owed=True)).alerts
    assert (await siti.close(entered)).state == words.ALERT_STATE_CLOSED
