"""What each camera may send: its own settings, and a change that reaches it without a new connection."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import grpc
import pytest

from cekalwatch.v1 import capture_pb2
from cekalwatch.wire.options import CLIENT_OPTIONS
from deploy.demo.programs import wait_until
from deploy.demo.stack import CameraPlan, Stack, StackConfig, Transport
from tests.support.scenarios.server import CaptureClient, running, settings
from tests.support.tools.packs import light_pack

OWN = {"camera_id": "dep-1", "site": "batam-center", "counter": "D1", "direction": "DEPARTURE"}
USUAL = {**OWN, "camera_id": "arr-1", "direction": "ARRIVAL"}


async def policy(client: CaptureClient) -> capture_pb2.CapturePolicy:
    """Read the next change of the policy."""
    async with asyncio.timeout(30):
        message = await client.call.read()
    assert message.WhichOneof("message") == "policy"
    found: capture_pb2.CapturePolicy = message.policy
    return found


@pytest.mark.slow
async def test_each_camera_is_welcomed_with_its_own_policy(tmp_path: Path) -> None:
    cameras = [{**OWN, "capture_policy": {"max_yaw_degrees": 25, "max_crops_per_track": 9}}, USUAL]
    chosen = settings(tmp_path, cameras=cameras, capture_policy={"jpeg_quality": 70})
    async with running(chosen) as server:
        own, usual = [(await CaptureClient.open(server.channel, name)).policy for name in ("dep-1", "arr-1")]
    assert (own.max_yaw_degrees, own.max_crops_per_track, own.jpeg_quality) == (25, 9, 70)
    assert (usual.max_yaw_degrees, usual.max_crops_per_track, usual.jpeg_quality) == (50, 5, 70)


@pytest.mark.slow
@pytest.mark.usefixtures("forked_programs")
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGHUP")
async def test_a_changed_policy_reaches_a_connected_camera_and_a_wrong_file_changes_nothing(tmp_path: Path) -> None:
    cameras = (CameraPlan("dep-1"), CameraPlan("dep-2"))
    config = StackConfig(tmp_path, light_pack().parent, cameras, model_pack="light", transport=Transport.PLAINTEXT)
    with Stack(config) as stack:
        before = stack.config_file.read_text("utf-8")

        def change(text: str) -> None:
            stack.config_file.write_text(before.replace('camera_id = "dep-1"', f'camera_id = "dep-1"\n{text}'), "utf-8")
            os.kill(stack.server.pid, signal.SIGHUP)

        def log() -> str:
            return (stack.logs / "server.log").read_text("utf-8")

        async with grpc.aio.insecure_channel(stack.address, options=CLIENT_OPTIONS) as channel:
            changed, other = [await CaptureClient.open(channel, name) for name in ("dep-1", "dep-2")]
            change("capture_policy = { jpeg_quality = 60 }")
            assert (await policy(changed)).jpeg_quality == 60
            change("capture_policy = { jpeg_quality = 4000 }")
            await asyncio.to_thread(wait_until, lambda: "settings_not_reloaded" in log(), 30, "the refusal")
            change("capture_policy = { jpeg_quality = 61 }")
            assert (await policy(changed)).jpeg_quality == 61
            assert not other.call.done(), "nobody had to connect anew"
