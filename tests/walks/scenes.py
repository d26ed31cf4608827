"""The four walks as they are played: with a real face, event and record, through the real programs in this process."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from functools import partial
from pathlib import Path
from unittest.mock import patch

from cekalwatch.camera.camera import Camera, RefusalPolicy
from cekalwatch.camera.clock import SystemClock
from cekalwatch.camera.outbox.spool import SpoolTerms
from cekalwatch.camera.settings import CameraSettings
from cekalwatch.camera.sources.live import LiveSource
from cekalwatch.server.wiring import capture as wiring
from cekalwatch.vision.detectors.factory import open_detector
from cekalwatch.wire.backoff import Backoff
from cekalwatch.wire.dialer import Dialer
from cekalwatch.wire.identity import DeviceRole
from tests.support.builders.portraits import astronaut
from tests.support.builders.scenes import Walk as Way
from tests.support.builders.scenes import write_video
from tests.support.builders.watchlist_folder import row, write_orders
from tests.support.fakes.capture_server import CaptureServer, serving
from tests.support.fakes.local_camera import Clip
from tests.support.scenarios.port_office import PortOffice, port_office
from tests.support.scenarios.server import CaptureClient, face, jpeg, order_in_force, running, settings
from tests.support.scenarios.sync import SyncCaller, hold_schedule
from tests.support.tools.packs import light_pack

CROSSINGS = 4
"""How often each walk is gone; what every time passes belongs to it."""
WAIT_S = 60.0

Recording = Callable[[], AbstractContextManager[None]]
"""A block in which one crossing is recorded."""


def face_to_uplink(folder: Path, recording: Recording) -> None:
    """A face comes into the view of a camera, and its crop leaves for the server."""
    asyncio.run(_face_to_uplink(folder, recording))


async def _face_to_uplink(folder: Path, recording: Recording) -> None:
    way = Way(begin=(200, 240), end=(320, 250), head_px=(80, 90), first_frame=0, last_frame=30)
    film = write_video(folder / "way.avi", [way], frames=31, size=(640, 480))
    server, clock, stop = CaptureServer(), SystemClock(), asyncio.Event()
    (one,) = CameraSettings.load(source="0", camera_id="gate-1").each()
    source = LiveSource(Clip(film), "camera", clock, Backoff(first_s=0.01, most_s=0.02))
    spool = SpoolTerms(folder / "spool", folder / "spool.key")
    async with serving(server):
        camera = Camera(one, source, open_detector(light_pack(), 1), clock, spool, receipts_wait_s=WAIT_S)
        running_camera = asyncio.create_task(camera.run(stop, lambda: Dialer(server.address, None), RefusalPolicy.EXIT))
        for crossing in range(CROSSINGS + 1):
            with recording() if crossing else ExitStack():
                await server.until(partial(_has_faces, len(server.heard.faces) + 2))
        stop.set()
        await running_camera


def _has_faces(count: int, heard: object) -> bool:
    return len(heard.faces) >= count  # type: ignore[attr-defined]


def capture_to_event(folder: Path, recording: Recording) -> None:
    """A crop of a listed person comes to the server, and is an alert in the event log."""
    asyncio.run(_capture_to_event(folder, recording))


async def _capture_to_event(folder: Path, recording: Recording) -> None:
    office = port_office(folder, {}, grouping_window_seconds=0)
    # Pictures without a face pass the same threads, and are not on the walk.
    with patch.object(wiring, "PROBE_PERIOD_S", CROSSINGS * WAIT_S):
        await _cross(office, recording)


async def _cross(office: PortOffice, recording: Recording) -> None:
    async with office.open():
        files = office.site.device(DeviceRole.CAMERA, "dep-1")
        async with office.site.dialer(office.address, files).aio_channel() as channel:
            camera = await CaptureClient.open(channel)
            for crossing in range(CROSSINGS + 1):
                capture = face(track=str(crossing))
                with recording() if crossing else ExitStack():
                    if await camera.receipt(capture) != ("ACCEPTED", ""):
                        raise RuntimeError("the server took no face")
            camera.call.cancel()


def record_to_gallery(folder: Path, recording: Recording) -> None:
    """A person is added to the source of the list, and the server searches for them."""
    asyncio.run(_record_to_gallery(folder, recording))


async def _record_to_gallery(folder: Path, recording: Recording) -> None:
    source = folder / "list"
    chosen = settings(folder / "data", watchlist={"source": {"kind": "folder", "path": source}})
    write_orders(source, [])
    hold_schedule(chosen)
    ban = order_in_force()
    days = {name: getattr(ban, name).isoformat() for name in ("valid_from", "valid_until", "received_on")}
    rows = []
    async with running(chosen) as server:
        syncs = SyncCaller(server.channel)
        for crossing in range(CROSSINGS + 1):
            picture = f"{crossing}.jpg"
            (source / picture).write_bytes(jpeg(astronaut(1 + crossing / 10), 95))
            rows.append(row(f"O-{crossing}", subject_id=f"S-{crossing}", photographs=picture, **days))
            write_orders(source, rows)
            with recording() if crossing else ExitStack():
                await syncs.now()
                async with asyncio.timeout(WAIT_S):
                    while (await syncs.status()).freshness.active_subjects <= crossing:  # noqa: ASYNC110  # nobody tells
                        await asyncio.sleep(0.05)


def event_to_window(folder: Path, recording: Recording) -> None:
    """An alert is in the event log, and an officer's PC paints its window with both pictures."""
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    from benchmarks.alerts.offscreen import application, wait
    from benchmarks.alerts.paint import Painted
    from cekalwatch.contract.values.adjudication import Reason, Step
    from cekalwatch.notifier.actions.alert_actions import Decision
    from cekalwatch.notifier.desktop.run import assembled
    from cekalwatch.notifier.settings import NotifierSettings
    from cekalwatch.office.client.subscription import Start
    from cekalwatch.program.session_file import SessionFile
    from tests.support.scenarios.officer_pc import OfficeThread

    office = OfficeThread(folder)
    with office.open():
        chosen = NotifierSettings.load(
            None,
            server_addresses=office.office.address,
            agent_id="pc-1",
            tls_dir=office.office.site.device(DeviceRole.NOTIFIER, "pc-1").folder,
            state_dir=folder / "pc-1",
            sound=False,
        )
        SessionFile(chosen.session_path).keep(office.run(office.office.sign_in("budi", "pc-1")).token)
        with assembled(chosen, Start.NOW, application()) as (agent, _):
            controller = agent.controller
            wait(lambda: controller.connection.ready and controller.unlocked)
            for crossing in range(CROSSINGS + 1):
                with recording() if crossing else ExitStack():
                    painted = Painted(agent)
                    office.raise_alert(str(crossing))
                    wait(partial(getattr, painted, "at"))
                agent.alert.view.removeEventFilter(painted)
                shown = controller.alert_cache.find(agent.alert.alert_id)
                if shown is None:
                    raise RuntimeError("what was painted is known")
                controller.take_step(shown.alert, Decision(Step.NOT_SAME, Reason.FACE_DIFFERS), lambda: None, print)
                wait(lambda: not controller.waiting())
