"""What computes templates fails, as when a GPU is gone: no face and no photograph is lost by it."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import onnxruntime
import pytest

from cekalwatch.program.errors import Exit
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.gallery.rebuilding import Rebuilder
from cekalwatch.server.recognition.enrolment import Enroller
from cekalwatch.server.recognition.packs.installed import open_engine
from cekalwatch.server.settings.settings import ServerSettings
from cekalwatch.server.storage.models.photograph_store import PhotographStore
from cekalwatch.v1 import (
    operations_service_pb2,
    operations_service_pb2_grpc,
    watchlist_pb2,
    watchlist_service_pb2,
    watchlist_service_pb2_grpc,
)
from cekalwatch.vision.inference import InferenceChoice, InferenceEngine, Precision
from cekalwatch.vision.manifest import load_pack
from cekalwatch.vision.openvino_runtime import OpenVinoSession
from tests.support.builders.keys import keyring
from tests.support.builders.portraits import astronaut
from tests.support.scenarios.server import (
    CaptureClient,
    Running,
    face,
    jpeg,
    list_astronaut,
    reason_of,
    running,
    settings,
)
from tests.support.scenarios.two_models import done, gallery, model, open_store, usual
from tests.support.tools.second_pack import NAME, model_packs

ACCEPTED = ("ACCEPTED", "")
ENGINE = {"inference": "openvino", "threads": 1}
OPENVINO = InferenceChoice(InferenceEngine.OPENVINO, Precision.AUTO)


def gone(*_: Any) -> Any:
    raise RuntimeError("the device was lost")


async def status(server: Running) -> operations_service_pb2.GetStatusResponse:
    stub = operations_service_pb2_grpc.OperationsServiceStub(server.channel)
    found: operations_service_pb2.GetStatusResponse = await stub.GetStatus(operations_service_pb2.GetStatusRequest())
    return found


def with_engine(folder: Path, **more: Any) -> ServerSettings:
    chosen = settings(folder, **ENGINE | more)
    list_astronaut(chosen)
    return chosen


@pytest.mark.slow
async def test_captures_are_sent_again_and_alert_when_the_engine_is_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(with_engine(tmp_path)) as server:
        camera = await CaptureClient.open(server.channel)
        assert await camera.receipt(face(track="1")) == ACCEPTED
        with monkeypatch.context() as broken:
            broken.setattr(OpenVinoSession, "run", gone)
            again = face(track="2")
            assert await camera.receipt(again) == ("RETRY", "RECOGNISER_FAILED")
            failing = [loop for loop in (await status(server)).loops if loop.HasField("failing")]
            assert [(loop.name[:-1], loop.error) for loop in failing] == [("embed-", "RecogniserError")]
        async with asyncio.timeout(30):
            assert await camera.receipt(again) == ACCEPTED
            while [loop for loop in (await status(server)).loops if loop.HasField("failing")]:
                assert await camera.receipt(face(track="3")) == ACCEPTED  # each of the threads has its turn


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["auto", "f32"])
async def test_the_status_names_engine_and_precision(tmp_path: Path, precision: str) -> None:
    async with running(with_engine(tmp_path, precision=precision)) as server:
        found = (await status(server)).inference
        assert found.engine == "openvino"
        assert found.precision in ({"f32"} if precision == "f32" else {"f32", "bf16"})
        assert found.batch >= 1


def records(*numbers: int) -> list[watchlist_service_pb2.ImportWatchlistRequest]:
    """Orders of a subject each, with the portrait as photograph."""
    portrait, sent = jpeg(astronaut()), []
    for number in numbers:
        one = watchlist_service_pb2.ImportWatchlistRequest()
        one.record.subject.subject_id = one.record.order.subject_id = f"S-{number}"
        one.record.subject.name, one.record.order.order_id = "Contoh", f"O-{number}"
        one.record.order.kind, one.record.order.requesting_agency = watchlist_pb2.ORDER_KIND_CEGAH, "Contoh"
        one.record.order.valid_from = one.record.order.received_on = "2026-01-01"
        one.record.order.valid_until = "2026-06-30"
        one.record.photo_names.append("1.jpg")
        photograph = watchlist_service_pb2.PhotoChunk(name="1.jpg", data=portrait + b"\0" * number, last=True)
        sent += [one, watchlist_service_pb2.ImportWatchlistRequest(photo_chunk=photograph)]
    return [*sent, watchlist_service_pb2.ImportWatchlistRequest(finish=watchlist_service_pb2.ImportFinish())]


async def imported(server: Running, *numbers: int) -> list[watchlist_pb2.ImportReport]:
    """Import records, and return the reports; raises the error with which the call ends."""
    call: Any = watchlist_service_pb2_grpc.WatchlistServiceStub(server.channel).ImportWatchlist()
    found = []
    async with asyncio.timeout(60):
        for request in records(*numbers):
            await call.write(request)
        while (message := await call.read()) is not grpc.aio.EOF:
            found.append(message.report)
    return found


@pytest.mark.slow
async def test_an_import_ends_with_the_reason_and_the_old_gallery_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(with_engine(tmp_path)) as server:
        with monkeypatch.context() as broken:
            broken.setattr(OpenVinoSession, "run", gone)
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await imported(server, 2, 3)
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        assert reason_of(caught.value) == Code.RECOGNISER_FAILED
        found = await status(server)
        assert (found.gallery.templates, found.gallery.subjects) == (1, 1), "nothing of it is stored"
        camera = await CaptureClient.open(server.channel)
        assert await camera.receipt(face()) == ACCEPTED
        again = await imported(server, 2, 3)  # and no photograph was refused for good
        assert [photo.outcome for report in again for photo in report.photos] == [
            watchlist_pb2.PHOTO_OUTCOME_ENROLLED
        ] * 2


@pytest.mark.slow
def test_a_rebuild_whose_engine_fails_refuses_no_photograph_and_goes_on_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = usual(tmp_path)
    for scale in (1.0, 0.9):
        list_astronaut(chosen, scale=scale)
    database, store = open_store(chosen)
    other = open_engine(load_pack(model_packs() / NAME), 1, OPENVINO)
    photographs = PhotographStore(database, keyring(database, chosen.master_key_source))
    with ThreadPoolExecutor(1) as workers:
        rebuilder = Rebuilder(photographs, Enroller(other.detector, other.recogniser), workers)
        with monkeypatch.context() as broken:
            broken.setattr(OpenVinoSession, "run", gone)
            with pytest.raises(CekalwatchError) as caught:
                list(rebuilder.steps())
        assert caught.value.code is Code.RECOGNISER_FAILED
        assert "the device was lost" in str(caught.value.detail)
        assert store.models.coverage(model(NAME)).missing == 2
        assert not store.models.refusals(model(NAME))
        assert [(step.embedded, step.refused) for step in rebuilder.steps()] == [(2, 0)]
    database.close()


@pytest.mark.slow
async def test_a_rebuild_with_an_engine_that_is_missing_says_what_to_do_and_the_server_goes_on(tmp_path: Path) -> None:
    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("onnxruntime has CUDA here")
    chosen = usual(tmp_path)
    list_astronaut(chosen, model=model("light"))
    async with running(chosen) as server:
        refused = await gallery("rebuild", "--pack", NAME, data=tmp_path, CEKALWATCH_SERVER_INFERENCE="cuda")
        told = " ".join((await done(refused, exit_code=Exit.CONFIG)).split())
        assert "onnxruntime is installed without CUDA. Run: pip uninstall --yes onnxruntime" in told
        assert "or set inference to auto" in told
        camera = await CaptureClient.open(server.channel)
        assert await camera.receipt(face()) == ACCEPTED
        assert (await status(server)).gallery.model_version == model("light")
