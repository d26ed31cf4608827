"""The whole camera client, as the process that runs at a counter, against a real gRPC server."""

from __future__ import annotations

import asyncio
import itertools
import signal
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cekalwatch.program.errors import Exit
from cekalwatch.v1 import capture_pb2
from cekalwatch.wire.bounds import MAX_CROP_BYTES, MAX_MESSAGE_BYTES
from tests.support.builders.camera import decoded
from tests.support.builders.scenes import Walk, write_video
from tests.support.fakes.camera_program import ended, python_program, started_camera
from tests.support.fakes.capture_server import (
    ACCEPTED,
    RETRY,
    UUID7,
    CaptureServer,
    answer_nothing,
    search_all,
    serving,
)
from tests.support.scenarios.spools import wait_until
from tests.support.tools.forked_async import ForkedAsync
from tests.support.tools.packs import light_pack
from tests.support.tools.raw_files import JFIF, folder_bytes, shown
from tests.support.tools.shared import shared_models

FIRST = Walk(begin=(250, 240), end=(420, 260), head_px=(80, 100), first_frame=0, last_frame=44)
SPOOL, SPOOL_KEY = ".local/state/cekalwatch-camera/spool", ".config/cekalwatch-camera/spool.key"
SECOND = Walk(begin=(760, 200), end=(640, 240), head_px=(90, 110), first_frame=10, last_frame=54)


@pytest.fixture(scope="module")
def detector() -> Path:
    return light_pack()


@pytest.fixture(scope="module")
def passages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two travellers in view for 1.8 s each."""
    return write_video(tmp_path_factory.mktemp("passages") / "two.avi", [FIRST, SECOND], frames=60)


@pytest.fixture(scope="module")
def nobody(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_video(tmp_path_factory.mktemp("nobody") / "empty.avi", [], frames=40)


@dataclass(frozen=True)
class Ended:
    """How a client ended."""

    code: int
    errors: str


class Client:
    """A running camera client."""

    def __init__(self, process: ForkedAsync) -> None:
        self.process = process

    async def ended(self) -> Ended:
        _, errors = await asyncio.wait_for(self.process.communicate(), 120)
        assert self.process.returncode is not None
        return Ended(self.process.returncode, errors.decode())


def command_line(source: Path | str, detector: Path, *options: str, address: str) -> list[str]:
    given = ["--source", str(source), "--camera-id", "gate-1", "--server", address, "--detector", str(detector)]
    return ["run", *given, *options]


@asynccontextmanager
async def client(
    source: Path | str, detector: Path, home: Path, *options: str, address: str, **settings: str
) -> AsyncIterator[Client]:
    places = {"spool_dir": f"{home}/{SPOOL}", "spool_key": f"{home}/{SPOOL_KEY}", "ptz_dir": f"{home}/ptz"}
    environment = {f"CEKALWATCH_CAMERA_{key.upper()}": value for key, value in (places | settings).items()}
    arguments = command_line(source, detector, *options, address=address)
    process = await started_camera(*arguments, home=home, **environment)
    try:
        yield Client(process)
    finally:
        await process.close()


async def ended_with(
    server: CaptureServer, source: Path, detector: Path, home: Path, *options: str, **settings: str
) -> Ended:
    """Run a client against `server` until it ends."""
    async with serving(server), client(source, detector, home, *options, address=server.address, **settings) as camera:
        return await camera.ended()


def by_track(faces: Iterable[capture_pb2.FaceCapture]) -> dict[str, list[capture_pb2.FaceCapture]]:
    ordered = sorted(faces, key=lambda face: face.track_id)
    return {track: list(group) for track, group in itertools.groupby(ordered, key=lambda face: face.track_id)}


def files_below(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def points(face: capture_pb2.FaceCapture) -> list[capture_pb2.Point]:
    marks = face.landmarks
    return [marks.left_eye, marks.right_eye, marks.nose, marks.left_mouth, marks.right_mouth]


@pytest.mark.slow
async def test_a_file_is_read_to_its_end_and_every_crop_has_its_receipt(
    passages: Path, detector: Path, tmp_path: Path
) -> None:
    server = CaptureServer()
    ended = await ended_with(server, passages, detector, tmp_path)
    assert ended.code == Exit.OK, ended.errors
    tracks = by_track(server.heard.faces)
    assert len(tracks) == 2
    assert all(3 <= len(faces) <= 5 for faces in tracks.values())
    last = server.heard.heartbeats[-1]
    assert (last.outbox_depth, last.dropped_total, last.passages_total) == (0, 0, 2)
    assert last.view_state == capture_pb2.VIEW_STATE_OK
    assert server.heard.beyond_credit == 0
    assert len(server.heard.hellos) == len(server.heard.goodbyes) == 1


@pytest.mark.slow
async def test_a_scrfd_network_finds_the_same_travellers(passages: Path, tmp_path: Path) -> None:
    server = CaptureServer()
    network = shared_models() / "insightface-layout" / "det_500m.onnx"
    assert (await ended_with(server, passages, network, tmp_path)).code == Exit.OK
    assert len(by_track(server.heard.faces)) == 2
    assert server.heard.hellos[0].detector == "scrfd"


@pytest.mark.slow
async def test_every_face_keeps_the_contract(passages: Path, detector: Path, tmp_path: Path) -> None:
    began = datetime.now(UTC)
    server = CaptureServer()
    assert (await ended_with(server, passages, detector, tmp_path)).code == Exit.OK
    assert len(set(server.heard.ids)) == len(server.heard.faces)
    for face in server.heard.faces:
        assert UUID7.fullmatch(face.capture_id)
        assert 1 <= len(face.track_id) <= 64
        assert len(face.jpeg) <= MAX_CROP_BYTES
        assert face.ByteSize() < MAX_MESSAGE_BYTES
        height, width = decoded(face.jpeg).shape[:2]
        assert all(0 < point.x < width and 0 < point.y < height for point in points(face))
        assert face.landmarks.left_eye.x < face.landmarks.right_eye.x
        assert face.landmarks.left_eye.y < face.landmarks.nose.y < face.landmarks.left_mouth.y
        assert 0.7 <= face.detector_score <= 1
        assert 0 < face.quality.score <= 1
        assert 32 <= face.quality.eye_distance_px < 80
        assert began <= face.capture_time.ToDatetime(UTC) <= datetime.now(UTC)


@pytest.mark.slow
async def test_the_servers_policy_bounds_what_is_sent(passages: Path, detector: Path, tmp_path: Path) -> None:
    server = CaptureServer(policy={"max_crops_per_track": 2})
    assert (await ended_with(server, passages, detector, tmp_path)).code == Exit.OK
    assert sorted(len(faces) for faces in by_track(server.heard.faces).values()) == [2, 2]


@pytest.mark.slow
async def test_faces_below_the_policys_size_are_not_sent(passages: Path, detector: Path, tmp_path: Path) -> None:
    server = CaptureServer(policy={"min_eye_distance_px": 200})
    assert (await ended_with(server, passages, detector, tmp_path)).code == Exit.OK
    assert server.heard.faces == []


@pytest.mark.slow
async def test_an_empty_scene_sends_heartbeats_only(nobody: Path, detector: Path, tmp_path: Path) -> None:
    server = CaptureServer(heartbeat_period_s=0.05)
    assert (await ended_with(server, nobody, detector, tmp_path, "--realtime")).code == Exit.OK
    assert server.heard.faces == []
    assert len(server.heard.heartbeats) >= 10
    assert max(beat.frames_per_second for beat in server.heard.heartbeats) > 5


@pytest.mark.slow
async def test_in_realtime_the_first_crop_comes_long_before_the_passage_is_over(
    passages: Path, detector: Path, tmp_path: Path
) -> None:
    arrived: list[datetime] = []

    def note(_: capture_pb2.FaceCapture) -> capture_pb2.CaptureOutcome.ValueType:
        arrived.append(datetime.now(UTC))
        return ACCEPTED

    server = CaptureServer(note)
    assert (await ended_with(server, passages, detector, tmp_path, "--realtime")).code == Exit.OK
    taken = [face.capture_time.ToDatetime(UTC) for face in server.heard.faces]
    assert arrived[0] - taken[0] < timedelta(seconds=1)
    assert timedelta(seconds=1) < max(taken) - min(taken) < timedelta(seconds=4)


@pytest.mark.slow
async def test_a_small_credit_and_a_small_outbox_slow_a_file_down_but_lose_nothing(
    passages: Path, detector: Path, tmp_path: Path
) -> None:
    server = CaptureServer(granted=1)
    assert (await ended_with(server, passages, detector, tmp_path, outbox_size="1")).code == Exit.OK
    assert server.heard.heartbeats[-1].dropped_total == 0
    assert server.heard.beyond_credit == 0
    assert len(server.heard.faces) >= 6


@pytest.mark.slow
async def test_retried_crops_come_again_before_the_client_ends(passages: Path, detector: Path, tmp_path: Path) -> None:
    busy = itertools.chain([RETRY, RETRY], itertools.repeat(ACCEPTED))
    server = CaptureServer(lambda _: next(busy))
    assert (await ended_with(server, passages, detector, tmp_path)).code == Exit.OK
    assert len(server.heard.faces) == len(set(server.heard.ids)) + 2


@pytest.mark.slow
async def test_crops_without_receipt_are_sent_to_the_server_that_comes_back_on_the_port(
    passages: Path, detector: Path, tmp_path: Path
) -> None:
    server = CaptureServer(answer_nothing, granted=3)
    await server.start()
    async with client(passages, detector, tmp_path, address=server.address) as camera:
        await server.until(lambda heard: len(heard.faces) >= 2)
        await server.vanish()
        async with serving(CaptureServer(search_all, granted=3), server.port) as successor:
            ended = await camera.ended()
    assert ended.code == Exit.OK, ended.errors
    assert set(server.heard.ids) <= set(successor.heard.ids)
    assert len(set(successor.heard.ids)) == len(successor.heard.ids) >= 6
    assert {hello.run_id for hello in successor.heard.hellos} == {server.heard.hellos[0].run_id}


@pytest.mark.slow
async def test_nothing_of_a_traveller_is_written_to_the_disk(passages: Path, detector: Path, tmp_path: Path) -> None:
    server = CaptureServer()
    assert (await ended_with(server, passages, detector, tmp_path)).code == Exit.OK
    assert server.heard.faces
    assert files_below(tmp_path) == []


def spooled(home: Path) -> set[str]:
    """The captures that wait on the camera host's disk."""
    return {file.stem for file in (home / SPOOL / "gate-1").glob("*.capture")}


@pytest.mark.slow
async def test_a_camera_that_is_answered_in_time_writes_nothing_but_its_key(
    passages: Path, detector: Path, tmp_path: Path
) -> None:
    server = CaptureServer()
    async with serving(server):
        arguments = command_line(passages, detector, "--realtime", address=server.address)
        # Not forked, so that it finds its home by itself.
        async with python_program("-m", "cekalwatch.camera", *arguments, home=tmp_path) as camera:
            assert (await ended(camera))[0] == Exit.OK
    assert server.heard.faces
    [key] = files_below(tmp_path)
    assert key == tmp_path / ".config/cekalwatch-camera/spool.key"
    assert key.stat().st_mode & 0o777 == 0o600


@pytest.mark.slow
async def test_what_has_no_receipt_when_the_program_is_killed_comes_with_the_next_run(
    passages: Path, nobody: Path, detector: Path, tmp_path: Path
) -> None:
    server = CaptureServer(answer_nothing, granted=2)
    async with serving(server), client(passages, detector, tmp_path, "--realtime", address=server.address) as camera:
        await server.until(lambda heard: bool(heard.faces))
        await asyncio.to_thread(wait_until, lambda: len(spooled(tmp_path)) >= 3)
        camera.process.kill()
        await camera.process.wait()
    waited, [first] = spooled(tmp_path), server.heard.hellos
    assert shown(folder_bytes(tmp_path), [JFIF]) == []
    successor = CaptureServer()
    assert (await ended_with(successor, nobody, detector, tmp_path, "--realtime")).code == Exit.OK
    assert set(successor.heard.ids) == waited
    assert {face.run_id for face in successor.heard.faces} == {first.run_id}
    assert first.run_id not in {hello.run_id for hello in successor.heard.hellos}
    assert spooled(tmp_path) == set()


@pytest.mark.slow
async def test_a_signal_lets_the_camera_write_what_it_still_has(passages: Path, detector: Path, tmp_path: Path) -> None:
    server = CaptureServer(answer_nothing)
    async with (
        serving(server),
        client(passages, detector, tmp_path, "--realtime", address=server.address, spill_after_seconds="60") as camera,
    ):
        await server.until(lambda heard: len(heard.faces) >= 2)
        assert spooled(tmp_path) == set()
        camera.process.send_signal(signal.SIGTERM)
        ended = await camera.ended()
    assert ended.code == Exit.OK, ended.errors
    assert set(server.heard.ids) <= spooled(tmp_path)


@pytest.mark.slow
async def test_a_key_that_others_can_read_is_refused_with_what_to_do(
    passages: Path, detector: Path, tmp_path: Path
) -> None:
    key = tmp_path / "spool.key"
    key.write_text("secret")
    key.chmod(0o644)
    async with client(passages, detector, tmp_path, address="127.0.0.1:9", spool_key=str(key)) as camera:
        ended = await camera.ended()
    assert ended.code == Exit.CONFIG
    assert "chmod 600" in ended.errors
    assert "secret" not in ended.errors


@pytest.mark.slow
async def test_a_signal_ends_the_client_with_goodbye(passages: Path, detector: Path, tmp_path: Path) -> None:
    async with serving(CaptureServer()) as server:
        async with client(passages, detector, tmp_path, "--realtime", address=server.address) as camera:
            await server.until(lambda heard: bool(heard.faces))
            camera.process.send_signal(signal.SIGTERM)
            ended = await camera.ended()
        await server.until(lambda heard: bool(heard.goodbyes))
    assert ended.code == Exit.OK, ended.errors


@pytest.mark.slow
async def test_a_camera_key_that_the_server_does_not_know_is_a_configuration_error(
    passages: Path, detector: Path, tmp_path: Path
) -> None:
    server = CaptureServer(cameras=("gate-2",))
    ended = await ended_with(server, passages, detector, tmp_path)
    assert ended.code == Exit.CONFIG
    assert "NOT_FOUND" in ended.errors
    assert "Camera: gate-1" in ended.errors
    assert "Traceback" not in ended.errors


@pytest.mark.slow
async def test_a_file_waits_for_a_server_that_comes_later(passages: Path, detector: Path, tmp_path: Path) -> None:
    server = CaptureServer()
    await server.start()
    await server.vanish()
    async with client(passages, detector, tmp_path, address=server.address) as camera:
        assert camera.process.stderr
        while b"server_lost" not in (line := await camera.process.stderr.readline()):
            assert line, "it ended, though it should wait"
        async with serving(server, server.port):
            ended = await camera.ended()
    assert ended.code == Exit.OK, ended.errors


@pytest.mark.slow
async def test_a_server_without_receipts_ends_the_client_with_an_error(
    passages: Path, detector: Path, tmp_path: Path
) -> None:
    server = CaptureServer(answer_nothing)
    ended = await ended_with(server, passages, detector, tmp_path, receipts_wait_seconds="1")
    assert ended.code == Exit.UNAVAILABLE
    assert "had no receipt" in ended.errors


@pytest.mark.slow
@pytest.mark.parametrize(
    ("source", "named"),
    [
        ("nowhere.mp4", "nowhere.mp4"),
        ("rtsp://127.0.0.1:9/stream", "rtsp://127.0.0.1:9/stream"),
        ("98", "device 98"),
    ],
)
async def test_a_source_that_cannot_be_opened_is_named(source: str, named: str, detector: Path, tmp_path: Path) -> None:
    async with client(source, detector, tmp_path, address="127.0.0.1:9") as camera:
        ended = await camera.ended()
    assert ended.code == Exit.UNAVAILABLE
    settings_read, told = ended.errors.splitlines()
    assert "settings_read" in settings_read
    assert named in told


@pytest.mark.slow
async def test_a_missing_model_pack_is_a_configuration_error(passages: Path, tmp_path: Path) -> None:
    async with client(passages, tmp_path / "no-pack", tmp_path, address="127.0.0.1:9") as camera:
        ended = await camera.ended()
    assert ended.code == Exit.CONFIG
    assert "models install standard" in ended.errors
