"""Nothing of a traveller who did not match is on the disk: every byte that the three programs wrote is searched.

What is sealed is searched as its keys open it: a crop that was kept under seal would be kept all the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from uuid import UUID, uuid4

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from cekalwatch.contract.codec.captures import FACE
from cekalwatch.contract.engine.scalars import Reading
from cekalwatch.contract.values.orders import Direction
from cekalwatch.server.capture.passages import Track, track_key
from cekalwatch.server.capture.session import placed
from cekalwatch.server.domain.captures import CameraClock, Capture
from cekalwatch.server.domain.checkpoints import Camera
from cekalwatch.server.recognition.crop_decoder import CropDecoder
from cekalwatch.server.recognition.crops import probe_jpeg
from cekalwatch.server.recognition.packs.threshold_models import LIGHT_LIKENESS
from cekalwatch.server.recognition.probes import CaptureEmbedder, Probe
from cekalwatch.vision.faces import Picture
from deploy.demo.office.notifier import Notifier
from deploy.demo.programs import Program, wait_until
from deploy.demo.stack import CameraPlan, Stack, StackConfig, Transport
from tests.support.builders.portraits import astronaut, group, wall
from tests.support.builders.watchlist_folder import row, write_orders
from tests.support.fakes.capture_proxy import CaptureProxy, Run, capture_proxy
from tests.support.scenarios.server import engine
from tests.support.tools import disk_search
from tests.support.tools.packs import light_pack
from tests.support.tools.shared import shared_faces
from tests.support.tools.unsealed_values import UNSEALED, unsealed_values

NAME, ALIAS, NIK, ADDRESS = "Sekar Ayuningtyas", "Mbak Ayu", "2171015509860007", "Jalan Engku Putri 8"
CAMERA_S = 240.0

Pictures = Iterator[Sequence[Picture]]
"""Of each group of travellers, the frames that show it."""


def people_of_packages(lights: int) -> Pictures:
    """Six people, in so many lights, with the noise of a camera in each of three frames."""
    chance = np.random.default_rng(7)
    for number in range(lights):
        picture = cv2.flip(group(), 1) if number % 2 else group()
        lit = picture.astype(np.float32) * chance.uniform(0.8, 1.1, 3) + chance.uniform(-10, 10)
        yield [np.clip(lit + chance.normal(0, 3, lit.shape), 0, 255).astype(np.uint8) for _ in range(3)]


def people_of_lfw() -> Pictures:
    """A photograph each of 160 people, of whom the detector may miss a few."""
    folders = sorted((shared_faces() / "lfw").iterdir())[:160]
    for folder in folders:
        photo = cv2.imread(str(min(folder.glob("*.jpg"))))
        assert photo is not None
        yield [np.asarray(cv2.resize(photo, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC), np.uint8)]


@dataclass(frozen=True)
class Seen:
    """A run of a camera, with the templates that the server may have made of its crops."""

    run: Run
    templates: NDArray[np.float32]
    """Those of each crop and of each passage as it was fused, by the crops' order, shape (2n, size)."""

    @classmethod
    def of(cls, run: Run) -> Seen:
        now = datetime.now(UTC)
        camera = Camera(run.hello.camera_id, "batam-center", "D1", Direction.DEPARTURE)
        faces = [FACE.read(face, Reading.STRICT) for face in run.faces]
        sent = [placed(face, camera, run.hello.run_id, CameraClock(), now) for face in faces]
        captures = [capture for capture in sent if isinstance(capture, Capture)]
        assert len(captures) == len(sent)
        tracks = {capture.passage: Track(now) for capture in captures}
        found: list[NDArray[np.float32]] = []
        with closing(CropDecoder(1)) as crops:
            embedder = CaptureEmbedder(lambda: engine().recogniser, crops, 1)
            # One at a time, as in the server: the runtime keeps the memory that its largest batch took.
            probes = [probe for capture in captures for probe in embedder.embed([capture])]
        for capture, probe in zip(captures, probes, strict=True):
            assert isinstance(probe, Probe)
            template = probe.template
            track = tracks[capture.passage]
            added = track.add(capture.capture_id, template, capture.quality, LIGHT_LIKENESS.threshold)
            found += [template, added.fused]
        return cls(run, np.stack(found))


@pytest.fixture(autouse=True)
def _short_passages(monkeypatch: pytest.MonkeyPatch) -> None:
    # A face that is gone for two frames is another passage, so that a folder of pictures is enough.
    monkeypatch.setenv("CEKALWATCH_CAMERA_TRACK_MISS_SECONDS", "0.1")


@pytest.mark.slow
@pytest.mark.usefixtures("forked_programs")
@pytest.mark.parametrize(
    ("people", "passages"),
    # More people take the same way: the first ones show it in `make test`.
    [
        pytest.param(partial(people_of_packages, 6), 33, id="six people"),
        pytest.param(partial(people_of_packages, 18), 100, id="six people often", marks=pytest.mark.exhaustive),
        pytest.param(people_of_lfw, 150, id="150 people", marks=pytest.mark.exhaustive),
    ],
)
async def test_nothing_of_a_traveller_who_did_not_match_is_on_the_disk(
    tmp_path: Path, written: Path, people: Callable[[], Pictures], passages: int
) -> None:
    """Passages of six people, and 150 people where there are photographs of them: all take the same way."""
    strangers = write_frames(tmp_path / "strangers", people())
    both = write_frames(tmp_path / "both", iter([[astronaut()], *([group()] for _ in range(2))]))
    config = StackConfig(
        written / "site",
        light_pack().parent,
        (CameraPlan("gate-1"), CameraPlan("gate-2")),
        model_pack="light",
        transport=Transport.PLAINTEXT,  # the tap listens in between
        # A busy machine must not make alerts go up: an event of its own has no capture.
        # Only the same engine makes the very templates that are looked for.
        settings={"log_level": "debug", "threads": 2, "escalate_after_seconds": 3600, "inference": "onnxruntime"},
    )
    with Stack(config) as stack:
        await asyncio.to_thread(stack.import_watchlist, write_watchlist(tmp_path / "watchlist"))
        await asyncio.to_thread(stack.wait_for_gallery, 1)
        notifier = await asyncio.to_thread(stack.start_notifier, "officer-1")
        async with capture_proxy(stack.address) as tap:
            await see(stack, tap, "gate-1", strangers)
            await see(stack, tap, "gate-2", both)
        await asyncio.to_thread(notifier.wait_for_sequence, 1, CAMERA_S)
        stranger_run, mixed_run = map(Seen.of, tap.runs)
        assert len(stranger_run.run.tracks) >= passages
        matched = {event.capture_id for event in stack.event_log()}
        running = disk_search.everything_written(written, [stack.server.pid, notifier.program.pid])
        running = {**running, **unsealed_values(config.folder / "server")}
        check(running, stranger_run, mixed_run, matched)
        check_names(running, notifier)
        await asyncio.to_thread(wait_until_acknowledged, stack)
    stopped = {**disk_search.everything_written(written), **unsealed_values(config.folder / "server")}
    check(stopped, stranger_run, mixed_run, matched)
    check_names(stopped, notifier)


def check(written: disk_search.Written, strangers: Seen, mixed: Seen, matched: set[str]) -> None:
    """Assert that of all crops only those that matched left a trace."""
    assert matched
    assert matched < {face.capture_id for face in mixed.run.faces}
    runs = disk_search.of_keys([strangers.run.hello.run_id, mixed.run.hello.run_id], written)
    assert runs == [set(), set()], "passages have keys that say nothing of a camera's run"
    tracks = {face.track_id for face in mixed.run.faces if face.capture_id in matched}
    probes: set[str] = set()
    faces = strangers.run.faces + mixed.run.faces
    sent = disk_search.of_pictures([face.jpeg for face in faces], written)
    assert not any(sent), "a camera's own bytes are kept"
    pictures = disk_search.of_pictures([probe_jpeg(face.jpeg) for face in faces], written)
    keys = disk_search.of_keys([face.capture_id for face in faces], written)
    for face, of_picture, of_key in zip(faces, pictures, keys, strict=True):
        if face.capture_id in matched:
            probes |= of_picture
            assert of_key
        else:
            assert of_picture == set()
            assert of_key == set()
    assert f"{UNSEALED}/probe.jpeg" in {name.rpartition("/")[0] for name in probes}
    # Beside the notifier's pictures, which it shows: in the database only under seal.
    assert not any(Path(name).name.startswith("cekalwatch.sqlite3") for name in probes)
    assert tracks, "the search does not find what is there"
    for run, found in ((strangers.run, set[str]()), (mixed.run, tracks)):
        for track in run.tracks:
            there = disk_search.of_text(track_key(run.hello.camera_id, run.hello.run_id, track), written)
            assert bool(there) == (track in found)
    alerted = np.repeat([face.capture_id in matched for face in mixed.run.faces], 2)
    others = np.concatenate([strangers.templates, mixed.templates[~alerted]])
    assert disk_search.of_templates(others, written) == set()
    # An alert keeps those of its passages under seal, until nothing can join it any more.
    kept = disk_search.of_templates(mixed.templates[alerted], written)
    assert {name.split("/")[1] for name in kept} <= {"alert_passage.template"}


def check_names(written: disk_search.Written, notifier: Notifier) -> None:
    """Assert that the listed person's facts are in the server's database, under seal, and nowhere else."""
    for fact in (NAME, ALIAS, NIK, ADDRESS):
        places = {name.rpartition("/")[0] for name in disk_search.of_text(fact, written)}
        assert places == {f"{UNSEALED}/subject.facts"}
        assert fact not in str(notifier.events)


def test_the_search_finds_templates_of_either_width_at_any_place_and_in_pieces() -> None:
    chance = np.random.default_rng(3)
    templates = chance.normal(0, 0.05, (40, 512)).astype(np.float32)
    noise = chance.bytes(100_000)
    for kind in ("<f4", "<f2"):
        stored = (templates[17] * 1.00001).astype(kind).tobytes()
        for piece in (stored, stored[len(stored) // 3 :]):
            assert disk_search.of_templates(templates, {"there": noise[:501] + piece + noise}) == {"there"}
    others = chance.normal(0, 0.05, (40, 512)).astype(np.float32)
    assert disk_search.of_templates(templates, {"noise": noise, "others": others.tobytes()}) == set()


def test_the_search_finds_pictures_and_keys_at_any_place() -> None:
    chance = np.random.default_rng(5)
    jpegs = [chance.bytes(4_000) for _ in range(300)]
    keys = [str(uuid4()) for _ in range(300)]
    for shift in range(9):
        noise = chance.bytes(10_000 + shift)
        forms = (keys[3].encode(), keys[5].upper().encode(), UUID(keys[8]).bytes, UUID(keys[8]).hex.encode())
        for form, number in zip(forms, (3, 5, 8, 8), strict=True):
            places = disk_search.of_keys(keys, {"noise": noise, "there": noise + form + noise})
            assert [one for one, where in enumerate(places) if where] == [number]
            assert places[number] == {"there"}
        piece = jpegs[7][1_900:2_600]
        pictures = disk_search.of_pictures(jpegs, {"noise": noise, "there": noise + piece + noise})
        assert [one for one, where in enumerate(pictures) if where] == [7]


def write_frames(folder: Path, groups: Pictures) -> Path:
    """Write a folder of pictures: each group's frames, and then an empty wall."""
    folder.mkdir()
    number = 0
    for frames in groups:
        for frame in (*frames, wall(), wall()):
            assert cv2.imwrite(str(folder / f"{number:05}.png"), frame, [cv2.IMWRITE_PNG_COMPRESSION, 1])
            number += 1
    return folder


def write_watchlist(folder: Path) -> Path:
    """Write the list: one person with an order that is in force."""
    today = datetime.now(UTC).date()
    begin, end = (today - timedelta(days=20)).isoformat(), (today + timedelta(days=20)).isoformat()
    facts = {"name": NAME, "aliases": ALIAS, "nik": NIK, "address": ADDRESS, "photographs": "listed.png"}
    dates = {"decree_date": begin, "valid_from": begin, "received_on": begin, "valid_until": end}
    write_orders(folder, [row(**facts, **dates)])
    assert cv2.imwrite(str(folder / "listed.png"), astronaut())
    return folder


async def see(stack: Stack, tap: CaptureProxy, camera_id: str, source: Path) -> None:
    """Run a camera client on a folder of pictures until each crop has its receipt."""
    arguments = ["-m", "cekalwatch.camera", "run", "--source", str(source), "--camera-id", camera_id]
    arguments += ["--server", tap.address, "--detector", str(light_pack())]
    with Program(camera_id, arguments, stack.logs) as camera:
        await asyncio.to_thread(camera.wait_for_success, CAMERA_S)


def wait_until_acknowledged(stack: Stack) -> None:
    """Wait until the notifier has told the server what it has shown, so that it is not stopped on its way."""

    def told() -> bool:
        status = stack.status()
        return any(agent.acknowledged_sequence == status.head_sequence for agent in status.agents)

    wait_until(told, CAMERA_S, "The acknowledgement", stack.server)
