"""Who may import sends what they like in as many pieces as there may be, and no more: pieces of nothing cost too."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from cekalwatch.contract.values.people import PersonRole
from cekalwatch.server.foundation.errors import Code
from cekalwatch.server.grpc_api.servicers.watchlist import import_call, list_file
from cekalwatch.v1 import watchlist_service_pb2 as pb
from cekalwatch.v1.watchlist_service_pb2_grpc import WatchlistServiceStub
from cekalwatch.wire.tokens import bearer
from tests.support.scenarios.open_import import record
from tests.support.scenarios.server import reason_of
from tests.support.scenarios.sign_in import Scene
from tests.support.scenarios.site_pki import Site

WAIT_S = 60.0
MOST = 300
"""Chunks that the server of these tests takes."""
STALL_S = 2.0

pytestmark = pytest.mark.slow


@pytest.fixture
async def lina(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[Any, str]]:
    """A list manager's calls, and her token."""
    for module in (list_file, import_call):
        monkeypatch.setattr(module, "MAX_CHUNKS", MOST)
    site = Site(tmp_path / "site")
    async with Scene(site, site.settings(import_stall_seconds=STALL_S)).served() as scene, asyncio.timeout(WAIT_S):
        scene.hire("lina", PersonRole.LIST_MANAGER)
        async with scene.desk() as desk:
            yield WatchlistServiceStub(desk.channel), await desk.sign_in("lina")
    scene.database.close()


async def refusal(method: Any, token: str, first: Any, piece: Any, pieces: int = MOST + 1) -> str:
    """Send one piece more than there may be, and then nothing; return why the server ends the call."""

    async def requests() -> AsyncIterator[Any]:
        yield first
        for _ in range(pieces):
            yield piece
        await asyncio.sleep(WAIT_S)

    with pytest.raises(grpc.aio.AioRpcError) as ended:
        async for _ in method(requests(), metadata=bearer(token)):
            pass
    return reason_of(ended.value)


@pytest.mark.parametrize("piece", [b"", b"x"], ids=["nothing", "one byte"])
async def test_a_list_file_ends_that_comes_in_crumbs(lina: tuple[Any, str], piece: bytes) -> None:
    stub, token = lina
    begin = pb.ImportListFileRequest(begin=pb.ListFileBegin(name="list.csv", size=1_000_000))
    chunk = pb.ImportListFileRequest(chunk=piece)
    assert await refusal(stub.ImportListFile, token, begin, chunk) == Code.LIST_FILE_EXPECTED


@pytest.mark.parametrize("refused", [False, True], ids=["sound", "refused"])
@pytest.mark.parametrize("piece", [b"", b"x"], ids=["nothing", "one byte"])
async def test_an_import_ends_whose_photograph_comes_in_crumbs(
    lina: tuple[Any, str], piece: bytes, *, refused: bool
) -> None:
    stub, token = lina
    begin = record("1")
    begin.record.photo_names.append("a.jpg")
    if refused:
        begin.record.order.received_on = "yesterday"
    chunk = pb.ImportWatchlistRequest(photo_chunk=pb.PhotoChunk(name="a.jpg", data=piece))
    assert await refusal(stub.ImportWatchlist, token, begin, chunk) == Code.ARGUMENT_INVALID


GOOD = {"place": "line 2", "field": "sex", "value": "M"}
BAD = {
    "a column that there is not": {"field": "password"},
    "no column": {"field": ""},
    "the order of days of a column in other words": {"place": "", "value": "YEAR_FIRST"},
    "a value that is too long": {"value": "x" * 1_001},
    "a place that is too long": {"place": "x" * 300},
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
async def test_a_correction_that_cannot_be_one_ends_the_call(lina: tuple[Any, str], bad: dict[str, str]) -> None:
    stub, token = lina
    first = pb.ImportListFileRequest(begin=pb.ListFileBegin(name="list.csv", size=1))
    piece = pb.ImportListFileRequest(correction=pb.CellCorrection(**GOOD | bad))
    assert await refusal(stub.ImportListFile, token, first, piece, 1) == Code.ARGUMENT_INVALID


async def test_corrections_are_counted_and_come_before_the_file(
    lina: tuple[Any, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    stub, token = lina
    monkeypatch.setattr(list_file, "MAX_CORRECTIONS", 3)
    first = pb.ImportListFileRequest(begin=pb.ListFileBegin(name="list.csv", size=9))
    piece = pb.ImportListFileRequest(correction=pb.CellCorrection(**GOOD))
    assert await refusal(stub.ImportListFile, token, first, piece, 4) == Code.LIST_FILE_EXPECTED

    async def late() -> AsyncIterator[pb.ImportListFileRequest]:
        for one in (first, pb.ImportListFileRequest(chunk=b"x"), piece):
            yield one

    with pytest.raises(grpc.aio.AioRpcError) as ended:
        async for _ in stub.ImportListFile(late(), metadata=bearer(token)):
            pass
    assert reason_of(ended.value) == Code.LIST_FILE_EXPECTED
