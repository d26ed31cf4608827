"""What comes of machines that are asked: a server that is not ours any more, an identity provider."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any, cast

import httpx
import jwt
from google.protobuf.message import DecodeError, Message

from cekalwatch.camera.uplink.stream import ProtocolError, read_answer
from cekalwatch.contract.codec.alarms import NEWS
from cekalwatch.contract.codec.alerts import ALERT, PICTURES, STREAM
from cekalwatch.contract.codec.approvals import OPEN_APPROVALS, signed_values
from cekalwatch.contract.codec.imports import FILE_ANSWER
from cekalwatch.contract.codec.law import AGENCY_LIST, LAW_ROW, understood_rows
from cekalwatch.contract.engine.scalars import Reading, Refused
from cekalwatch.server.auth.sign_in_terms import OpenIdTerms
from cekalwatch.server.auth.signing_in.openid import OpenIdProvider
from cekalwatch.server.auth.signing_in.sign_in import CodeProof
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.server.storage.people.store import PeopleStore
from cekalwatch.v1 import (
    agency_pb2,
    alert_pb2,
    alert_service_pb2,
    capture_service_pb2,
    law_pb2,
    session_service_pb2,
    trouble_service_pb2,
    watchlist_service_pb2,
)
from tests.support.builders.alerts import NOON
from tests.support.builders.watchlist import FixedClock

ISSUER, CLIENT = "https://provider.example", "cekalwatch"
PROOF = CodeProof("code", "v" * 43, "https://console.example/callback", "n" * 16)
KEY = jwt.PyJWK.from_dict(
    {
        "kty": "OKP",
        "crv": "Ed25519",
        "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
        "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
    },
    "EdDSA",
)
"""RFC 8037, appendix A.1: it signs what is fuzzed, so that fuzzing does not end at a signature."""
PUBLIC = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}


def _law(message: law_pb2.LawRows) -> None:
    for row in understood_rows(message):
        assert LAW_ROW.read(LAW_ROW.write(row), Reading.STRICT) == row


def _to_camera(message: capture_service_pb2.StreamFacesResponse) -> None:
    with suppress(ProtocolError):
        read_answer(message)


def _approvals(message: session_service_pb2.ListApprovalsResponse) -> None:
    found = OPEN_APPROVALS.read(message)
    for one in (*found.waiting, *found.asked):
        signed_values(one)


KINDS: tuple[tuple[type[Message], Callable[[Any], object]], ...] = (
    (alert_service_pb2.SubscribeAlertsResponse, STREAM.read),
    (alert_pb2.Alert, ALERT.read),
    (alert_pb2.AlertImages, PICTURES.read),
    (trouble_service_pb2.WatchTroublesResponse, NEWS.read),
    (capture_service_pb2.StreamFacesResponse, _to_camera),
    (agency_pb2.AgencyList, AGENCY_LIST.read),
    (law_pb2.LawRows, _law),
    (session_service_pb2.ListApprovalsResponse, _approvals),
    (watchlist_service_pb2.ImportListFileResponse, FILE_ANSWER.read),
)


def server_answer(data: bytes) -> None:
    """An answer of a server to a PC, a camera or a port; the first byte says of which kind.

    What is outside the contract is refused: whoever asked gives the connection up.
    """
    if not data:
        return
    kind, take = KINDS[data[0] % len(KINDS)]
    with suppress(DecodeError, Refused, ValueError):
        take(kind.FromString(data[1:]))


class _AnsweringProvider(OpenIdProvider):
    """A provider whose answers are here already."""

    answers: list[bytes]

    def _ask(self, method: str, url: str, **how: Any) -> tuple[int, dict[str, Any]]:  # noqa: ARG002  # nobody is asked
        try:
            answer = json.loads(self.answers.pop(0) if self.answers else b"")
        except (ValueError, RecursionError):
            raise CekalwatchError(Code.PROVIDER_UNAVAILABLE, "an answer is no JSON") from None
        if not isinstance(answer, dict):
            raise CekalwatchError(Code.PROVIDER_UNAVAILABLE, "an answer is no object")
        return httpx.codes.OK, answer


def provider_answer(data: bytes) -> None:
    """The provider's metadata and keys, a line each (first byte 0), its token (1), or claims, which we sign."""
    if not data:
        return
    kind, rest = data[0] % 3, data[1:]
    terms = OpenIdTerms(ISSUER, CLIENT)
    provider = _AnsweringProvider(terms, cast("PeopleStore", None), FixedClock(NOON))
    about = {"issuer": ISSUER, "token_endpoint": ISSUER, "jwks_uri": ISSUER}
    sound = [json.dumps(about).encode(), json.dumps({"keys": [PUBLIC]}).encode()]
    provider.answers = rest.split(b"\n", 1) if kind == 0 else sound * 2
    with suppress(CekalwatchError):
        metadata = provider._current()
        if kind:
            token = rest.decode("latin-1") if kind == 1 else jwt.api_jws.encode(rest, KEY.key, "EdDSA")
            claims = provider._verified(metadata, token, PROOF, CLIENT)
            assert (claims["iss"], claims["nonce"]) == (ISSUER, PROOF.nonce)
