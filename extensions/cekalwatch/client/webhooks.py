"""Verifies the notices that a server posts to a webhook: who sent them, when, and that each comes once.

It uses the standard library only. docs/notices.md has the form of a notice.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, Final

SECRET_PREFIX: Final = "whsec_"  # noqa: S105  # a prefix
TOLERANCE_S: Final = 300
"""A notice whose time is further off, either way, is refused."""
MAX_BODY_BYTES: Final = 64 * 1024
"""Of a notice; a receiver reads no more of a request."""
MAX_SEEN: Final = 20_000
"""Notices whose ids are kept, so that none is taken twice."""


class NoticeRefusedError(Exception):
    """The request is not a notice of the server that has the secret, or it is too old; answer with status 401."""


class WebhookVerifier:
    """Verifies notices that are signed with one secret. Any thread may use it, one at a time."""

    def __init__(self, secret: str, now_s: Callable[[], float] = time.time) -> None:
        """`secret` is the line in `secret_file`, with "whsec_"; ValueError when it is none. `now_s`: since 1970."""
        try:
            self._secret = base64.b64decode(secret.strip().removeprefix(SECRET_PREFIX), validate=True)
        except binascii.Error:
            self._secret = b""
        if len(self._secret) < 24:
            raise ValueError("the secret must be whsec_ and at least 24 bytes as Base64")
        self._now_s = now_s
        self._seen: OrderedDict[str, None] = OrderedDict()

    def read(self, headers: Mapping[str, str], body: bytes) -> dict[str, Any] | None:
        """Return the notice in a request: `type`, `timestamp`, `data`. None: it was taken before, answer with 204 too.

        `headers` by their names in small letters. Raises NoticeRefusedError. It counts as taken with `taken`.
        """
        notice_id, sent, given = (headers.get(f"webhook-{name}", "") for name in ("id", "timestamp", "signature"))
        if len(body) > MAX_BODY_BYTES or not notice_id or not (sent.isascii() and sent.isdigit() and len(sent) < 16):
            raise NoticeRefusedError("this is no notice")
        mac = hmac.digest(self._secret, f"{notice_id}.{sent}.".encode() + body, hashlib.sha256)
        right = b"v1," + base64.b64encode(mac)
        # The sender may sign with an old and a new secret, between spaces. The text may have any character.
        if not any(hmac.compare_digest(right, one.encode(errors="replace")) for one in given.split(" ")):
            raise NoticeRefusedError("the signature is wrong: compare the secret with the server's secret_file")
        if abs(self._now_s() - int(sent)) > TOLERANCE_S:
            raise NoticeRefusedError("its time is more than five minutes off: compare the clocks")
        notice: dict[str, Any] = json.loads(body)
        return None if notice_id in self._seen else notice

    def taken(self, headers: Mapping[str, str]) -> None:
        """Note that a notice was handled, so that it is not taken once more."""
        self._seen[headers["webhook-id"]] = None
        while len(self._seen) > MAX_SEEN:
            self._seen.popitem(last=False)
