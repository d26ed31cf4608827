"""One capture is followed from the camera to the officer's window, through three programs, by a collector."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from cekalwatch.program.errors import ProgramError
from cekalwatch.program.traces import TRACES, TraceTerms
from cekalwatch.server.settings.settings import ServerSettings
from cekalwatch.v1 import alert_service_pb2
from cekalwatch.v1.alert_service_pb2_grpc import AlertServiceStub
from cekalwatch.wire.trace_context import trace_context
from tests.support.builders.portraits import astronaut
from tests.support.fakes.trace_collector import TakenSpan, TraceCollector
from tests.support.scenarios.metrics import ON_THIS_MACHINE, Metrics
from tests.support.scenarios.server import CaptureClient, face, list_astronaut, running, settings
from tests.support.scenarios.sign_in import becomes
from tests.support.tools.packs import light_pack

pytest.importorskip("opentelemetry.sdk")

WAIT_S = 90.0
CHAIN = (
    ("cekalwatch-camera", "capture", ""),
    ("cekalwatch-camera", "capture.prepare", "capture"),
    ("cekalwatch-server", "capture.receive", "capture"),
    ("cekalwatch-server", "capture.embed", "capture"),
    ("cekalwatch-server", "capture.decide", "capture"),
    ("cekalwatch-server", "alert.commit", "capture"),
    ("cekalwatch-server", "alert.deliver", "alert.commit"),
    ("cekalwatch-notifier", "alert.show", "alert.commit"),
    ("cekalwatch-notifier", "alert.acknowledge", "alert.show"),
    ("cekalwatch-server", "alert.acknowledged", "alert.acknowledge"),
)
"""Program, name and parent's name of the spans of the capture that raised the alert."""


def passage(folder: Path) -> Path:
    """Pictures of the portrait, as somebody walks by."""
    folder.mkdir()
    portrait = astronaut(0.8)
    height, width = portrait.shape[:2]
    for number in range(16):
        frame = np.full((720, 1280, 3), 90, np.uint8)
        left = 100 + 20 * number
        frame[60 : 60 + height, left : left + width] = portrait
        cv2.imwrite(str(folder / f"{number:03}.png"), frame)
    return folder


@asynccontextmanager
async def program(
    name: str, *arguments: str, log: Path, **environment: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    """A program as a process of its own, ended as a service is."""
    variables = os.environ | {"QT_QPA_PLATFORM": "offscreen"} | environment
    with log.open("wb") as errors:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", f"cekalwatch.{name}", *arguments, env=variables, stdout=errors, stderr=errors
        )
        try:
            yield process
        finally:
            if process.returncode is None:
                process.send_signal(signal.SIGTERM)
            await process.wait()


def of_an_alert(spans: list[TakenSpan]) -> list[TakenSpan]:
    """The spans of the trace in which an alert was acknowledged."""
    traces = {one.trace for one in spans if one.name == "alert.acknowledged"}
    return [one for one in spans if one.trace in traces]


def chain(spans: list[TakenSpan]) -> set[tuple[str, str, str]]:
    names = {one.key: one.name for one in spans}
    return {(one.program, one.name, names.get(one.parent, one.parent)) for one in of_an_alert(spans)}


@pytest.mark.slow
async def test_a_capture_is_followed_from_the_camera_to_the_window(tmp_path: Path) -> None:
    with TraceCollector() as collector:
        chosen = settings(tmp_path / "server", traces={"collector": collector.address}, metrics=ON_THIS_MACHINE)
        list_astronaut(chosen, name="Rahasia Sekali")
        async with (
            asyncio.timeout(WAIT_S),
            running(chosen) as server,
            program(
                *("notifier", "desktop", "--server", server.address, "--agent-id", "pc-traced"),
                log=tmp_path / "notifier.log",
                CEKALWATCH_NOTIFIER_TRACES__COLLECTOR=collector.address,
                CEKALWATCH_NOTIFIER_STATE_DIR=str(tmp_path / "state"),
                CEKALWATCH_NOTIFIER_TLS_DIR=str(tmp_path / "no-tls"),
                CEKALWATCH_NOTIFIER_SOUND="false",
            ),
        ):

            async def subscribed() -> bool:
                return (await Metrics.scraped(server.metrics_port)).value("agents_subscribed") == 1

            await becomes(subscribed)
            async with program(
                *("camera", "run", "--camera-id", "dep-1", "--source", str(passage(tmp_path / "passage"))),
                *("--server", server.address, "--detector", str(light_pack())),
                log=tmp_path / "camera.log",
                CEKALWATCH_CAMERA_TRACES__COLLECTOR=collector.address,
                CEKALWATCH_CAMERA_SPOOL_DIR=str(tmp_path / "spool"),
                CEKALWATCH_CAMERA_SPOOL_KEY=str(tmp_path / "spool.key"),
                CEKALWATCH_CAMERA_TLS_DIR=str(tmp_path / "no-tls"),
            ) as camera:
                await camera.wait()
            spans = await asyncio.to_thread(collector.wait_for, lambda spans: set(CHAIN) <= chain(spans), WAIT_S)
    told = {one for span in spans for one in span.attributes.values()}
    assert told == {"dep-1", "pc-traced"}
    captured_s = min(one.begun_s for one in of_an_alert(spans))
    shown_s = min(one.ended_s for one in of_an_alert(spans) if one.name == "alert.show")
    assert 0 < shown_s - captured_s < WAIT_S


@pytest.mark.slow
async def test_a_context_is_passed_on_where_no_spans_are_recorded_and_what_is_none_is_left_out(
    tmp_path: Path,
) -> None:
    context = f"00-{'a' * 32}-{'b' * 16}-01"
    assert (TRACES.begin(), TRACES.within(context)) == ("", context)
    chosen = settings(tmp_path)
    list_astronaut(chosen)
    async with running(chosen) as server, asyncio.timeout(WAIT_S):
        stub: Any = AlertServiceStub(server.channel)
        call = stub.SubscribeAlerts(alert_service_pb2.SubscribeAlertsRequest(agent_id="pc-1"))
        assert (await call.read()).HasField("subscribed")
        camera = await CaptureClient.open(server.channel)
        for sent, comes in ((context, context), ("00-'; DROP TABLE", "")):
            track = "1" if comes else "2"
            assert await camera.receipt(face(trace_parent=sent, track=track)) == ("ACCEPTED", "")
            while not (message := await call.read()).HasField("event"):
                pass
            assert message.event.trace_parent == comes
        call.cancel()
        camera.call.cancel()


@pytest.mark.parametrize(
    "text",
    [
        "",
        f"00-{'0' * 32}-{'b' * 16}-01",
        f"00-{'a' * 32}-{'0' * 16}-01",
        f"00-{'a' * 32}-{'b' * 16}-00",
        f"00-{'A' * 32}-{'b' * 16}-01",
        f"00-{'a' * 32}-{'b' * 16}-01\n",
    ],
)
def test_only_the_context_of_a_recorded_trace_is_one(text: str) -> None:
    assert trace_context(text) == ""


def test_a_collector_elsewhere_needs_tls() -> None:
    with pytest.raises(ValueError, match="write https://"):
        TraceTerms("http://192.0.2.1:4317")
    with pytest.raises(ValueError, match="must be https://"):
        TraceTerms("collector:4317")
    assert TraceTerms("https://collector.example:4317").collector
    with pytest.raises(ProgramError, match=r"traces\.collector|traces"):
        ServerSettings.load(None, traces={"collector": "ftp://x"})


def test_a_share_of_captures_is_traced() -> None:
    with TraceCollector() as collector:
        with TRACES.exporting(TraceTerms(collector.address, share=0.0), "test"):
            assert TRACES.begin() == ""
        with TRACES.exporting(TraceTerms(collector.address), "test"):
            root = TRACES.begin()
            assert trace_context(root) == root
            with TRACES.span("one", root, camera="dep-1") as inner:
                assert inner != root
                assert inner[:35] == root[:35]
        (span,) = collector.wait_for(bool, WAIT_S)
    assert (span.program, span.name, span.trace, span.parent) == ("test", "one", root[3:35], root[36:52])
    assert span.attributes == {"cekalwatch.camera": "dep-1"}
    assert TRACES.begin() == ""


def test_a_collector_that_is_away_delays_no_end() -> None:
    with TRACES.exporting(TraceTerms("http://127.0.0.1:1"), "test"), TRACES.span("lost", TRACES.begin()):
        pass
