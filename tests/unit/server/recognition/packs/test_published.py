"""Fetching over HTTP from a server on this machine, and unpacking hostile archives."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Response

from cekalwatch.server.recognition.packs import published as published_packs
from cekalwatch.server.recognition.packs.published import Progress, download, unpack
from cekalwatch.vision.manifest import PackError


def serve(httpserver: HTTPServer, data: bytes | Iterator[bytes], **answer: Any) -> str:
    """Return the address of a pack with these bytes; `answer`: what else is said of them."""
    httpserver.expect_request("/pack.zip").respond_with_response(Response(data, **answer))
    return httpserver.url_for("/pack.zip")


NONE = "0" * 64


def ignore(_: Progress) -> None:
    """Take no notice."""


def archive(**members: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, data in members.items():
            packed.writestr(name, data)
    return stream.getvalue()


def unpacked(tmp_path: Path, data: bytes) -> Path:
    (tmp_path / "pack.zip").write_bytes(data)
    folder = tmp_path / "inner" / "folder"
    folder.mkdir(parents=True)
    unpack(tmp_path / "pack.zip", folder)
    return folder


def test_a_download_arrives_whole_and_tells_how_far_it_is(httpserver: HTTPServer, tmp_path: Path):
    body = bytes(range(256)) * 4000
    seen: list[Progress] = []
    download(serve(httpserver, body), tmp_path / "pack.zip", seen.append, sha256(body).hexdigest())
    assert (tmp_path / "pack.zip").read_bytes() == body
    assert seen[-1] == Progress(len(body), len(body))


def test_another_checksum_is_refused(httpserver: HTTPServer, tmp_path: Path):
    with pytest.raises(PackError, match="not what it should be"):
        download(serve(httpserver, b"something else"), tmp_path / "pack.zip", ignore, NONE)


def test_an_error_answer_names_the_way_out(httpserver: HTTPServer, tmp_path: Path):
    with pytest.raises(PackError, match=r"answered 404.*--url"):
        download(serve(httpserver, b"", status=404), tmp_path / "pack.zip", ignore, NONE)


def test_a_connection_that_breaks_off_is_noticed(httpserver: HTTPServer, tmp_path: Path):
    with pytest.raises(PackError, match=r"cannot be fetched|broke off"):
        download(
            serve(httpserver, iter([b"half"]), headers={"Content-Length": "8"}), tmp_path / "pack.zip", ignore, NONE
        )


def test_nobody_there_is_said_so(tmp_path: Path):
    with pytest.raises(PackError, match="models import"):
        download("http://127.0.0.1:9/pack.zip", tmp_path / "pack.zip", ignore, NONE)


def test_a_download_without_end_is_stopped(httpserver: HTTPServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(published_packs, "MAX_ARCHIVE_BYTES", 1 << 20)
    with pytest.raises(PackError, match="larger than"):
        download(serve(httpserver, b"x" * (2 << 20)), tmp_path / "pack.zip", ignore, NONE)


def test_only_networks_come_out_of_an_archive(tmp_path: Path):
    folder = unpacked(
        tmp_path, archive(**{"buffalo/det.onnx": b"d", "buffalo/rec.onnx": b"r", "buffalo/run.sh": b"rm"})
    )
    assert sorted(path.name for path in folder.iterdir()) == ["det.onnx", "rec.onnx"]


@pytest.mark.parametrize("name", ["../../evil.onnx", "/evil.onnx", "..\\..\\evil.onnx", "C:\\evil.onnx"])
def test_an_archive_cannot_write_outside_its_folder(tmp_path: Path, name: str):
    folder = unpacked(tmp_path, archive(**{name: b"evil"}))
    found = [path.relative_to(tmp_path) for path in tmp_path.rglob("*.onnx")]
    assert found == [(folder / "evil.onnx").relative_to(tmp_path)]


def test_an_archive_that_would_fill_the_disk_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(published_packs, "MAX_UNPACKED_BYTES", 1 << 20)
    with pytest.raises(PackError, match="unpack to more"):
        unpacked(tmp_path, archive(**{"det.onnx": b"\0" * (2 << 20)}))


@pytest.mark.parametrize("members", [{}, {"readme.txt": b"x"}, {"a/det.onnx": b"x", "b/det.onnx": b"y"}])
def test_an_archive_without_networks_or_with_two_of_a_name_is_refused(tmp_path: Path, members: dict[str, bytes]):
    with pytest.raises(PackError, match="no networks, or several"):
        unpacked(tmp_path, archive(**members))


def test_a_damaged_archive_is_refused(tmp_path: Path):
    whole = archive(**{"det.onnx": bytes(range(256)) * 100})
    with pytest.raises(PackError, match="damaged"):
        unpacked(tmp_path, whole[: len(whole) // 2])


def test_a_member_with_a_wrong_checksum_is_refused(tmp_path: Path):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as packed:
        packed.writestr("det.onnx", b"abcdefgh" * 100)
    data = bytearray(stream.getvalue())
    data[200] ^= 1
    with pytest.raises(PackError, match="damaged"):
        unpacked(tmp_path, bytes(data))
