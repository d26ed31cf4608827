"""Attack: whoever serves a model pack's archive, or stands on the way to it, puts another in its place."""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Response

from cekalwatch.server.recognition.packs.published import PUBLISHED
from tests.support.tools.programs import run_program


def swapped() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as packed:
        packed.writestr("det_10g.onnx", b"somebody else's network")
    return stream.getvalue()


@pytest.mark.slow
@pytest.mark.parametrize("name", PUBLISHED)
def test_an_archive_that_nobody_vouches_for_is_not_even_unpacked(
    name: str, httpserver: HTTPServer, tmp_path: Path
) -> None:
    httpserver.expect_request("/pack.zip").respond_with_response(Response(swapped()))
    address = httpserver.url_for("/pack.zip")
    command = ("models", "install", name, "--accept-license", "--url", address, "--models-dir", tmp_path)
    for more in ((), ("--sha256", "0" * 64)):
        done = run_program("server", *command, *more)
        told = " ".join((done.stdout + done.stderr).split())
        assert done.returncode
        assert "is not what it should be" in told
        assert "Nothing was installed" in told
        assert "--sha256" in told, "what to do"
        assert not list(tmp_path.glob("*/*"))


def test_every_pack_that_can_be_installed_has_a_pinned_hash() -> None:
    assert all(re.fullmatch(r"[0-9a-f]{64}", pinned) for pinned in PUBLISHED.values())
    assert len(set(PUBLISHED.values())) == len(PUBLISHED)
