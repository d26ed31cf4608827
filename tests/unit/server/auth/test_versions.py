"""Which programs are too old for a server, by what they say of themselves."""

from __future__ import annotations

import pytest

from cekalwatch.server.auth.admission import refuse_outdated
from cekalwatch.server.foundation.errors import CekalwatchError, Code

GRPC = "grpc-python-asyncio/1.85.0 grpc-c/54.0.0 (linux; chttp2)"


@pytest.mark.parametrize(
    ("client", "server", "served"),
    [
        ("0.3.0", "0.3.0", True),
        ("0.2.9", "0.3.0", True),
        ("0.1.9", "0.3.0", False),
        ("0.9.0", "0.10.0", True),
        ("0.8.0", "0.10.0", False),
        ("0.9.0", "1.0.0", False),
        ("1.0.0", "0.9.0", True),
        ("0.4.0", "0.2.0", True),
        ("0.1.0.dev3", "0.2.0", True),
    ],
)
def test_a_client_may_be_one_minor_version_behind(client: str, server: str, served: bool) -> None:
    for said in (f"cekalwatch/{client} {GRPC}", f"cekalwatch/{client}"):
        if served:
            refuse_outdated(said, server)
        else:
            with pytest.raises(CekalwatchError) as caught:
                refuse_outdated(said, server)
            assert caught.value.code is Code.CLIENT_TOO_OLD


@pytest.mark.parametrize("said", ["", GRPC, "grpcurl/1.9", "cekalwatch/", "cekalwatch/x.y.z", "cekalwatch/99999999.1."])
def test_what_says_no_version_is_served(said: str) -> None:
    refuse_outdated(said, "9.9.9")
