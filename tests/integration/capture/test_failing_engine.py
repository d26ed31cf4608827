"""What computes templates fails while the server runs, as when a GPU is gone: no face is lost by it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from cekalwatch.server.settings.settings import ServerSettings
from cekalwatch.v1 import operations_service_pb2, operations_service_pb2_grpc
from cekalwatch.vision.openvino_runtime import OpenVinoSession
from tests.support.scenarios.server import CaptureClient, Running, face, list_astronaut, running, settings

ACCEPTED = ("ACCEPTED", "")
ENGINE = {"inference": "openvino", "threads": 1}


async def status(server: Running) -> operations_service_pb2.GetStatusResponse:
    stub = operations_service_pb2_grpc.OperationsServiceStub(server.channel)
    found: operations_service_pb2.GetStatusResponse = await stub.GetStatus(operations_service_pb2.GetStatusRequest())
    return found


def with_engine(folder: Path, **more: Any) -> ServerSettings:
    chosen = settings(folder, **ENGINE | more)
    list_astronaut(chosen)
    return chosen


async def test_captures_are_sent_again_and_alert_when_the_engine_is_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(with_engine(tmp_path)) as server:
        camera = await CaptureClient.open(server.channel)
        assert await camera.receipt(face(track="1")) == ACCEPTED

        def gone(*_: Any) -> Any:
            raise RuntimeError("the device was lost")

        with monkeypatch.context() as broken:
            broken.setattr(OpenVinoSession, "run", gone)
            again = face(track="2")
            assert await camera.receipt(again) == ("RETRY", "RECOGNISER_FAILED")
            failing = [loop for loop in (await status(server)).loops if loop.HasField("failing")]
            assert [(loop.name, loop.error) for loop in failing] == [("embed-0", "RecogniserError")]
        async with asyncio.timeout(30):
            assert await camera.receipt(again) == ACCEPTED
            assert not [loop for loop in (await status(server)).loops if loop.HasField("failing")]


@pytest.mark.parametrize("precision", ["auto", "f32"])
async def test_the_status_names_engine_and_precision(tmp_path: Path, precision: str) -> None:
    async with running(with_engine(tmp_path, precision=precision)) as server:
        found = (await status(server)).inference
        assert found.engine == "openvino"
        assert found.precision in ({"f32"} if precision == "f32" else {"f32", "bf16"})
        assert found.batch >= 1
