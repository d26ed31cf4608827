"""Time stamps (RFC 3161): an authority outside the office confirms that a checkpoint existed at a moment."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import httpx
from cryptography import x509
from rfc3161_client import (
    HashAlgorithm,
    TimestampRequestBuilder,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)

from cekalwatch.server.audit.checkpoints import Checkpoint, KeptCheckpoint
from cekalwatch.server.audit.destinations.delivery import CollectedFile
from cekalwatch.server.concurrency.answer_deadline import AnswerDeadline
from cekalwatch.server.concurrency.outbox import DeliveryError, DeliveryFailure

TIMEOUT_S = 10.0
"""Seconds for each step of an answer, and for the whole answer."""
MAX_ANSWER_BYTES = 40_000
"""Maximum bytes; a time stamp has some thousand, with its certificates."""
_REQUEST = {"Content-Type": "application/timestamp-query", "Accept": "application/timestamp-reply"}


class TimestampVerifier:
    """Checks time stamps against the authorities in a PEM file."""

    def __init__(self, authorities: bytes) -> None:
        """`authorities` are roots, and intermediates that are not in the stamps. Raises ValueError."""
        self._authorities = x509.load_pem_x509_certificates(authorities)

    def moment(self, kept: KeptCheckpoint, nonce: int | None = None) -> datetime:
        """Return the aware time at which the checkpoint existed; raises ValueError when its stamp does not prove it."""
        roots = [one for one in self._authorities if one.issuer == one.subject]
        intermediates = [one for one in self._authorities if one.issuer != one.subject]
        try:
            response = decode_timestamp_response(kept.timestamp)
            verifier = VerifierBuilder(roots=roots, intermediates=intermediates, nonce=nonce).build()
            verifier.verify(response, hashlib.sha256(kept.checkpoint.to_json().encode()).digest())
        except VerificationError as error:
            raise ValueError(str(error)) from None
        return response.tst_info.gen_time


@dataclass(frozen=True)
class _Transport:
    """The HTTP client and the reader of answers that several stamps share."""

    client: httpx.Client
    deadline: AnswerDeadline


class TimestampAuthority:
    """Gets a time stamp for each checkpoint, and appends both to the file that an auditor collects."""

    name = "timestamp"

    def __init__(self, url: str, authorities: Path, file: CollectedFile) -> None:
        self._url = url
        self._authorities = authorities
        self._file = file

    def deliver(self, checkpoints: Sequence[Checkpoint]) -> None:
        """Get time stamps for checkpoints, and store them; raises DeliveryError."""
        try:
            verifier = TimestampVerifier(self._authorities.read_bytes())
        except (OSError, ValueError):
            raise DeliveryError(DeliveryFailure.FILES_UNREADABLE, self._authorities.name) from None
        with httpx.Client(timeout=TIMEOUT_S, trust_env=False) as client:
            line = _Transport(client, AnswerDeadline())
            self._file.append([self._stamped(one, line, verifier) for one in checkpoints])

    def _stamped(self, checkpoint: Checkpoint, line: _Transport, verifier: TimestampVerifier) -> KeptCheckpoint:
        builder = TimestampRequestBuilder().data(checkpoint.to_json().encode()).hash_algorithm(HashAlgorithm.SHA256)
        request = builder.build()
        kept = KeptCheckpoint(checkpoint, self._answer(request.as_bytes(), line))
        try:
            verifier.moment(kept, request.nonce)
        except ValueError as error:
            raise DeliveryError(DeliveryFailure.ANSWER_INVALID, str(error)[:200]) from None
        return kept

    def _answer(self, request: bytes, line: _Transport) -> bytes:
        traced = {"trace": line.deadline.trace}
        try:
            with (
                line.deadline.within(TIMEOUT_S),
                line.client.stream("POST", self._url, content=request, headers=_REQUEST, extensions=traced) as response,
            ):
                if response.status_code != httpx.codes.OK:
                    raise DeliveryError(DeliveryFailure.ANSWER_INVALID, f"HTTP {response.status_code}")
                found = b""
                for part in response.iter_raw():
                    found += part
                    if len(found) > MAX_ANSWER_BYTES:
                        raise DeliveryError(DeliveryFailure.ANSWER_INVALID, "too long")
                return found
        except httpx.TimeoutException:
            raise DeliveryError(DeliveryFailure.TIMED_OUT) from None
        except httpx.HTTPError as error:
            raise DeliveryError(DeliveryFailure.UNREACHABLE, type(error).__name__) from None
