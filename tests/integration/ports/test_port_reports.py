"""A port with a server of its own reports to its centre: two real servers, and a line that breaks."""

from __future__ import annotations

from pathlib import Path

import pytest

from cekalwatch.server.audit.entry import Action
from cekalwatch.v1 import adjudication_pb2 as words
from cekalwatch.v1 import alert_pb2, port_pb2
from deploy.demo.ports.line import line_to
from tests.support.scenarios.centre import Centre, port_of

STEPS = [
    alert_pb2.ALERT_EVENT_TYPE_RAISED,
    alert_pb2.ALERT_EVENT_TYPE_CLAIMED,
    alert_pb2.ALERT_EVENT_TYPE_ADJUDICATED,
    alert_pb2.ALERT_EVENT_TYPE_CONFIRMED,
    alert_pb2.ALERT_EVENT_TYPE_FOLLOWED_UP,
    alert_pb2.ALERT_EVENT_TYPE_CLOSED,
]


def steps(told: port_pb2.PortAlert) -> list[int]:
    """What happened to an alert, but that it went up: on a slow machine it waits for so long."""
    return [step.type for step in told.steps if step.type != alert_pb2.ALERT_EVENT_TYPE_ESCALATED]


@pytest.mark.slow
async def test_an_alert_of_the_port_is_at_the_centre_with_every_step_until_it_is_closed(tmp_path: Path) -> None:
    centre = Centre(tmp_path / "centre")
    async with centre.open() as rina:
        port = port_of(tmp_path / "port", centre, centre.address)
        async with port.open():
            alert_id = await port.raise_alert()
            raised = await rina.until(alert_id, lambda one: one.alert.state == words.ALERT_STATE_NEW)
            assert (raised.site, raised.port, raised.alert.camera.counter) == ("batam-center", "server", "D1")
            assert raised.alert.subject.name == "Contoh Satu", "from the centre's own list"
            assert [order.order_id for order in raised.alert.orders] == ["O-1"]
            budi, sari = await port.sign_in("budi"), await port.sign_in("sari")
            referred = await budi.judge(await budi.claim(alert_id), note="same scar")
            closed = await sari.close(await sari.follow_up(await sari.confirm(referred)))
            told = await rina.until(alert_id, lambda one: one.alert.state == words.ALERT_STATE_CLOSED)
            assert steps(told) == STEPS
            assert told.alert.handling == closed.handling
            (state,) = await rina.ports()
            assert (state.name, state.connected, state.unsettled_alerts) == ("server", True, 0)


async def test_a_picture_leaves_the_port_when_it_is_opened_and_both_record_who_did(tmp_path: Path) -> None:
    centre = Centre(tmp_path / "centre")
    async with centre.open() as rina:
        port = port_of(tmp_path / "port", centre, centre.address)
        async with port.open():
            alert_id = await port.raise_alert()
            await rina.until(alert_id, lambda _: True)
            assert not port.trail(Action.ALERT_VIEWED)
            opened = await rina.alert(alert_id, images=True)
            sari = await port.sign_in("sari")
            there = (await sari.call("GetAlert", alert_id=alert_id, include_images=True)).images
            assert opened.images.probe_jpeg == there.probe_jpeg
            assert opened.images.probe_jpeg.startswith(b"\xff\xd8")
            assert len(opened.images.references) == 1
    asked = [one for one in centre.trail(Action.ALERT_VIEWED) if '"pictures":1' in one.details]
    given = port.trail(Action.ALERT_VIEWED)[0]
    assert len(asked) == 1
    assert f"alert:{alert_id}" in asked[0].objects
    assert f"alert:{alert_id}" in given.objects
    assert given.actor == f"centre:{asked[0].actor}"
    assert asked[0].actor.startswith("person:")


@pytest.mark.slow
async def test_what_happens_while_the_line_is_cut_comes_in_order_and_once_when_it_is_mended(tmp_path: Path) -> None:
    centre = Centre(tmp_path / "centre")
    async with centre.open() as rina, line_to(centre.tcp_port) as link:
        port = port_of(tmp_path / "port", centre, link.address)
        async with port.open():
            before = await port.raise_alert("1")
            await rina.until(before, lambda _: True)
            link.cut()
            budi, sari = await port.sign_in("budi"), await port.sign_in("sari")
            referred = await budi.judge(await budi.claim(before))
            during = await port.raise_alert("2")
            await sari.close(await sari.follow_up(await sari.confirm(referred)))
            assert [one.alert.alert_id for one in await rina.alerts()] == [before]
            link.mend()
            await rina.until(during, lambda _: True)
            told = await rina.until(before, lambda one: one.alert.state == words.ALERT_STATE_CLOSED)
            assert steps(told) == STEPS
            link.cut()
            link.mend()
            after = await port.raise_alert("3")
            await rina.until(after, lambda _: True)
            assert [one.alert.alert_id for one in await rina.alerts()] == [after, during, before]
            for alert_id in (after, during):
                assert steps((await rina.alert(alert_id)).alert) == STEPS[:1]
