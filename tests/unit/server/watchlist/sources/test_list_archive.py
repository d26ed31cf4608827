"""An archive that is sent as a list: what it may unpack to, and where its files may lie."""

from __future__ import annotations

import io
import json
import stat
import zipfile
from collections.abc import Mapping

import pytest

from cekalwatch.program.confined.messages import Refusal
from cekalwatch.server.watchlist.sources.files.archive import FREE_BYTES, archive_answers

TABLE = {"orders.csv": b"name\n"}


def packed(files: Mapping[str, bytes], links: Mapping[str, str] | None = None) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
        for name, target in (links or {}).items():
            link = zipfile.ZipInfo(name)
            link.external_attr = (stat.S_IFLNK | 0o777) << 16
            archive.writestr(link, target)
    return content.getvalue()


def first_answer(data: bytes) -> bytes:
    """What is told of its files. Raises Refusal."""
    reading = archive_answers(json.dumps({"bytes": len(data)}).encode())
    next(reading)
    return reading.send(data)


def test_names_and_sizes_of_a_usual_one_are_told() -> None:
    told = first_answer(packed(TABLE | {"photos/a.jpg": b"\0" * 1_000}))
    assert b"photos/a.jpg" in told


def test_one_that_unpacks_to_far_more_than_it_is_is_refused() -> None:
    data = packed(TABLE | {f"photos/{number}.jpg": b"\0" * 4_000_000 for number in range(3)})
    assert len(data) < FREE_BYTES // 100
    with pytest.raises(Refusal, match="far more than it is"):
        first_answer(data)


@pytest.mark.parametrize("name", ["../orders.jpg", "/orders.jpg", "photos/../../a.jpg"])
def test_one_with_a_name_outside_its_folder_is_refused(name: str) -> None:
    with pytest.raises(Refusal, match="outside its folder"):
        first_answer(packed(TABLE | {name: b""}))


def test_one_with_a_link_is_refused() -> None:
    with pytest.raises(Refusal, match="outside its folder, or a link"):
        first_answer(packed(TABLE, {"photos/a.jpg": "/etc/passwd"}))
