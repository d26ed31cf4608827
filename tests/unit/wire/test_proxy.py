"""A proxy for the internet, which the environment names, is not asked for the office's own servers."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest

from cekalwatch.wire.options import CLIENT_OPTIONS


def test_a_server_of_the_office_is_reached_whatever_proxy_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("grpc_proxy", "https_proxy", "http_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    for name in ("no_grpc_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    server = grpc.server(ThreadPoolExecutor(1))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        with grpc.insecure_channel(f"127.0.0.1:{port}", CLIENT_OPTIONS) as channel:
            grpc.channel_ready_future(channel).result(timeout=5)
    finally:
        server.stop(None)
