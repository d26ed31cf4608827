"""Knows calls that came through a proxy. Plaintext is trusted because it cannot leave this machine; a proxy lets it.

A proxy that adds nothing of its own is not seen. Pure: it knows no transport.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from cekalwatch.server.domain.errors import CekalwatchError, Code

_PROXY = re.compile(
    r"(x-)?forwarded(-.*)?|via|(x-)?proxy-.*|x-original-.*|(x-)?(real|client|cluster-client|true-client)-ip"
    r"|x-(envoy|amzn|azure|appengine|traefik)-.*|(cf|fastly)-.*"
)
"""Names of the headers with which proxies, gateways and meshes say for whom they speak."""


def refuse_proxied(names: Iterable[str]) -> None:
    """Raise PROXY_NOT_ALLOWED where one of a call's metadata names is a proxy's."""
    for name in names:
        if _PROXY.fullmatch(name.lower()):
            raise CekalwatchError(Code.PROXY_NOT_ALLOWED, name.lower()[:64])
