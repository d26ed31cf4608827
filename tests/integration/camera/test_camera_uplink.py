"""The uplink against a real gRPC server: credits, receipts, heartbeats, and what happens when the server goes away."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import grpc
import pytest

from cekalwatch.camera.clock import SystemClock
from cekalwatch.camera.outbox.outbox import Outbox
from cekalwatch.camera.sources.frames import Frame
from cekalwatch.camera.statistics import CameraStatistics
from cekalwatch.camera.uplink.stream import CameraEnd, Timing
from cekalwatch.camera.uplink.uplink import CameraRefused, Link, Uplink
from cekalwatch.camera.view.aiming import AimingPictures
from cekalwatch.contract.values.cameras import ViewState
from cekalwatch.contract.values.capture_policy import CapturePolicy
from cekalwatch.contract.values.captures import CameraHello
from cekalwatch.v1 import capture_pb2
from cekalwatch.v1.capture_service_pb2 import AimingRequest, StreamFacesResponse
from cekalwatch.wire.backoff import Backoff
from cekalwatch.wire.dialer import Dialer, ServerChoice
from tests.support.builders.camera import capture_of
from tests.support.builders.portraits import astronaut
from tests.support.fakes.capture_server import (
    ACCEPTED,
    REJECTED,
    RETRY,
    Answer,
    CaptureServer,
    answer_nothing,
    search_all,
    serving,
)
from tests.support.scenarios.server import engine

QUICK = Timing(handshake_s=5.0, receipt_s=20.0, ending_s=5.0)


class Client:
    """An uplink with its outbox, as the program has them."""

    def __init__(self, address: str | ServerChoice, timing: Timing = QUICK, camera_id: str = "gate-1") -> None:
        clock = SystemClock()
        self.outbox = Outbox(256, clock)
        self.policies: list[CapturePolicy] = []
        self.stop = asyncio.Event()
        self.statistics = CameraStatistics(self.outbox, clock)
        self.aiming = AimingPictures(engine().detector, clock)
        self.uplink = Uplink(
            Link(Dialer(address, None), CameraHello(camera_id, str(uuid.uuid4()), "light"), timing),
            CameraEnd(self.outbox, self.statistics, self.aiming),
            self.policies.append,
            Backoff(first_s=0.05, most_s=0.2),
        )

    def put(self, count: int, track: str = "1") -> list[str]:
        captures = [capture_of(track) for _ in range(count)]
        for capture in captures:
            self.outbox.put(capture)
        return [capture.capture_id for capture in captures]

    async def until(self, told: Callable[[Outbox], bool], within_s: float = 60.0) -> None:
        loop, changed = asyncio.get_running_loop(), asyncio.Event()
        end = self.outbox.listen(lambda: loop.call_soon_threadsafe(changed.set))
        try:
            async with asyncio.timeout(within_s):
                while not told(self.outbox):
                    await changed.wait()
                    changed.clear()
        finally:
            end()


def empty(outbox: Outbox) -> bool:
    return outbox.statistics().depth == 0


@asynccontextmanager
async def running(client: Client) -> AsyncIterator[None]:
    task = asyncio.create_task(client.uplink.run(client.stop))
    try:
        yield
    finally:
        client.stop.set()
        await asyncio.wait_for(task, 30)


async def test_every_face_is_sent_once_and_leaves_the_outbox_with_its_receipt() -> None:
    async with serving(CaptureServer()) as server:
        client = Client(server.address)
        ids = client.put(20)
        async with running(client):
            await client.until(empty)
    assert sorted(server.heard.ids) == sorted(ids)
    assert client.outbox.statistics().settled_total == 20


async def test_hello_comes_first_and_goodbye_last() -> None:
    async with serving(CaptureServer()) as server:
        client = Client(server.address)
        async with running(client):
            await server.until(lambda heard: bool(heard.heartbeats))
        await server.until(lambda heard: bool(heard.goodbyes))
    [hello] = server.heard.hellos
    assert (hello.camera_id, hello.detector) == ("gate-1", "light")
    assert str(uuid.UUID(hello.run_id)) == hello.run_id
    assert 1 <= len(hello.client_version) <= 64


async def test_no_face_is_sent_without_credit() -> None:
    async with serving(CaptureServer(answer_nothing, granted=3)) as server:
        client = Client(server.address)
        for number in range(10):
            client.put(1, str(number))
        async with running(client):
            await server.until(lambda heard: len(heard.faces) == 3)
            beats = len(server.heard.heartbeats)
            # Two more heartbeats prove that the sender had its turns and sent no face in them.
            await server.until(lambda heard: len(heard.heartbeats) >= beats + 2)
            assert len(server.heard.faces) == 3
            server.answer = lambda _: ACCEPTED
            await server.answer_kept_back()
            await client.until(empty)
    assert server.heard.beyond_credit == 0
    assert len(server.heard.faces) == 10


async def test_accepted_and_rejected_captures_are_forgotten() -> None:
    async with serving(CaptureServer()) as server:
        client = Client(server.address)
        first, second = client.put(2)
        server.answer = lambda face: ACCEPTED if face.capture_id == first else REJECTED
        async with running(client):
            await client.until(empty)
    assert sorted(server.heard.ids) == sorted([first, second])


async def test_a_capture_to_be_retried_is_sent_again_under_its_id() -> None:
    answers = iter([RETRY, ACCEPTED])
    async with serving(CaptureServer(lambda _: next(answers))) as server:
        client = Client(server.address)
        [capture_id] = client.put(1)
        async with running(client):
            await client.until(empty)
    assert server.heard.ids == [capture_id, capture_id]


async def test_what_has_no_receipt_is_sent_again_when_the_server_comes_back() -> None:
    server = CaptureServer(granted=10)
    await server.start()
    client = Client(server.address)
    ids = client.put(10)
    answered = set(ids[:4])
    server.answer = lambda face: ACCEPTED if face.capture_id in answered else None
    async with running(client):
        await server.until(lambda heard: len(heard.faces) == 10)
        await client.until(lambda outbox: outbox.statistics().depth == 6)
        await server.vanish()
        await client.until(lambda outbox: outbox.statistics().in_flight == 0)
        ids += client.put(2, track="2")
        async with serving(CaptureServer(granted=10), server.port) as successor:
            await client.until(empty)
    assert sorted(successor.heard.ids) == sorted(ids[4:])
    assert successor.heard.hellos[0].run_id == server.heard.hellos[0].run_id


async def test_a_client_waits_for_a_server_that_is_not_there_yet() -> None:
    gone = CaptureServer()
    await gone.start()
    await gone.vanish()
    client = Client(gone.address)
    client.put(1)
    async with running(client), serving(CaptureServer(), gone.port):
        await client.until(empty)


async def test_a_drained_client_waits_for_its_receipts_and_comes_back() -> None:
    async with serving(CaptureServer(answer_nothing, granted=2)) as server:
        client = Client(server.address)
        for number in range(5):
            client.put(1, str(number))
        async with running(client):
            await server.until(lambda heard: len(heard.faces) == 2)
            await server.drain(reconnect_after_s=0.05)
            await server.answer_kept_back(most=1)
            beats = len(server.heard.heartbeats)
            await server.until(lambda heard: len(heard.heartbeats) >= beats + 2)
            # A credit has come back, and yet nothing is sent after the drain.
            assert len(server.heard.faces) == 2
            assert not server.heard.goodbyes
            await server.answer_kept_back()
            await server.until(lambda heard: bool(heard.goodbyes))
            server.answer = lambda _: ACCEPTED
            await client.until(empty)
    assert len(server.heard.hellos) == 2
    assert len(set(server.heard.ids)) == len(server.heard.ids) == 5


async def test_a_server_that_gives_no_receipts_is_left_and_tried_again() -> None:
    timing = Timing(handshake_s=5.0, receipt_s=0.3, ending_s=1.0)
    async with serving(CaptureServer(answer_nothing)) as server:
        client = Client(server.address, timing)
        [capture_id] = client.put(1)
        async with running(client):
            await server.until(lambda heard: len(heard.hellos) == 2)
            server.answer = lambda _: ACCEPTED
            await server.answer_kept_back()
            await client.until(empty)
    assert set(server.heard.ids) == {capture_id}


async def test_a_server_that_does_not_answer_hello_is_left_and_tried_again() -> None:
    async with serving(CaptureServer(greets=False)) as server:
        client = Client(server.address, Timing(handshake_s=0.2, receipt_s=5.0, ending_s=1.0))
        async with running(client):
            await server.until(lambda heard: len(heard.hellos) == 2)


async def test_stopping_does_not_wait_for_a_server_that_says_nothing_more() -> None:
    async with serving(CaptureServer(answer_nothing)) as server:
        client = Client(server.address, Timing(handshake_s=5.0, receipt_s=60.0, ending_s=0.2))
        client.put(1)
        async with running(client):
            await server.until(lambda heard: bool(heard.faces))
    assert client.outbox.statistics().depth == 1


async def test_the_policy_of_welcome_and_later_ones_reach_the_vision() -> None:
    async with serving(CaptureServer(policy={"max_crops_per_track": 2})) as server:
        client = Client(server.address)
        async with running(client):
            await server.until(lambda heard: bool(heard.heartbeats))
            await server.set_policy(jpeg_quality=60, max_crops_per_track=7)
            client.put(1)
            await client.until(empty)
    assert (client.policies[0].max_crops_per_track, client.policies[0].jpeg_quality) == (2, 90)
    assert (client.policies[1].max_crops_per_track, client.policies[1].jpeg_quality) == (7, 60)


async def test_a_policy_that_breaks_the_contract_ends_the_stream_and_is_not_obeyed() -> None:
    async with serving(CaptureServer()) as server:
        client = Client(server.address)
        async with running(client):
            await server.until(lambda heard: bool(heard.heartbeats))
            await server.set_policy(jpeg_quality=0)
            await server.until(lambda heard: len(heard.hellos) == 2)
    assert {policy.jpeg_quality for policy in client.policies} == {90}


async def test_an_unknown_camera_is_refused_and_not_tried_again() -> None:
    async with serving(CaptureServer()) as server:
        client = Client(server.address, camera_id="somewhere-else")
        with pytest.raises(CameraRefused) as refused:
            await asyncio.wait_for(client.uplink.run(client.stop), 30)
    assert refused.value.code is grpc.StatusCode.NOT_FOUND
    assert len(server.heard.hellos) == 1


async def test_a_view_that_changes_is_told_without_waiting_for_the_next_heartbeat() -> None:
    async with serving(CaptureServer(answer_nothing, heartbeat_period_s=300)) as server:
        client = Client(server.address)
        async with running(client):
            await server.until(lambda heard: bool(heard.heartbeats))
            client.statistics.note_view(ViewState.BLINDED)
            client.statistics.count_frame(0)
            await server.until(lambda heard: heard.heartbeats[-1].view_state == capture_pb2.VIEW_STATE_BLINDED)


async def test_heartbeats_tell_the_outbox_and_come_while_nothing_else_does() -> None:
    async with serving(CaptureServer(answer_nothing, granted=2, heartbeat_period_s=0.1)) as server:
        client = Client(server.address)
        client.put(5)
        async with running(client):
            await server.until(lambda heard: len(heard.heartbeats) >= 3)
    beat = server.heard.heartbeats[2]
    assert beat.outbox_depth == 5
    assert beat.outbox_age.seconds + beat.outbox_age.nanos / 1e9 > 0.1


@asynccontextmanager
async def two_servers(answer: Answer = search_all) -> AsyncIterator[tuple[ServerChoice, CaptureServer, CaptureServer]]:
    """Two servers, the first one that the camera tries before the other."""
    async with serving(CaptureServer(answer)) as one, serving(CaptureServer(answer)) as other:
        known = {server.address: server for server in (one, other)}
        choice = ServerChoice(known, "gate-1")
        first, second = (known[address] for address in choice.addresses)
        yield choice, first, second


async def test_what_has_no_receipt_goes_to_the_next_server_when_the_first_dies() -> None:
    async with two_servers(answer_nothing) as (choice, first, second):
        second.answer = search_all
        client = Client(choice)
        ids = client.put(3)
        async with running(client):
            await first.until(lambda heard: len(heard.faces) == 3)
            await first.vanish()
            await client.until(empty)
        assert sorted(second.heard.ids) == sorted(ids)
        assert second.heard.hellos[0].run_id == first.heard.hellos[0].run_id


async def test_a_drained_client_goes_to_the_next_server_at_once() -> None:
    async with two_servers() as (choice, first, second):
        client = Client(choice)
        async with running(client):
            await first.until(lambda heard: bool(heard.heartbeats))
            await first.drain(reconnect_after_s=3600)
            await second.until(lambda heard: bool(heard.hellos))
            client.put(1)
            await client.until(empty)
        assert not first.heard.faces


async def test_a_camera_that_one_server_refuses_asks_the_next_one_the_next_time() -> None:
    async with two_servers() as (choice, first, second):
        first.cameras = ()
        client = Client(choice)
        with pytest.raises(CameraRefused):
            await asyncio.wait_for(client.uplink.run(client.stop), 30)
        async with running(client):
            await second.until(lambda heard: bool(heard.hellos))


async def test_a_picture_for_aiming_is_given_to_who_asked_and_not_after_a_reconnection() -> None:
    frame = Frame(astronaut(), datetime.now(UTC), 0.0)
    async with serving(CaptureServer()) as server:
        client = Client(server.address)
        async with running(client):
            await server.until(lambda heard: bool(heard.heartbeats))
            await server.tell(StreamFacesResponse(aiming_request=AimingRequest(request_id=41)))
            async with asyncio.timeout(30):
                while not server.heard.aiming:
                    await asyncio.to_thread(client.aiming.see, frame, away=False)
                    await asyncio.sleep(0.02)
            (given,) = server.heard.aiming
            assert (given.request_id, given.faces, given.frame_width) == (41, 1, 512)
            await server.tell(StreamFacesResponse(aiming_request=AimingRequest(request_id=42)))
            await server.drain(0.0)
            await server.until(lambda heard: len(heard.hellos) == 2)
            beats = len(server.heard.heartbeats)
            await server.until(lambda heard: len(heard.heartbeats) > beats)
            client.aiming.see(frame, away=False)
            beats = len(server.heard.heartbeats)
            await server.until(lambda heard: len(heard.heartbeats) > beats + 2)
            assert len(server.heard.aiming) == 1
