"""Asks the listener for metrics as Prometheus does, and for its pages as a browser does."""

from __future__ import annotations

import ssl
from collections.abc import Mapping

import httpx
from prometheus_client.parser import text_string_to_metric_families

from cekalwatch.wire.tls import TlsFiles

ON_THIS_MACHINE = {"listen": "127.0.0.1:0"}
PREFIX = "cekalwatch_server_"


async def get(port: int, path: str, files: TlsFiles | None = None, language: str = "") -> httpx.Response:
    """Ask, with a certificate where there is one; the system's proxies have no part in it."""
    context: ssl.SSLContext | bool = False
    if files:
        context = ssl.create_default_context(cafile=files.authority)
        context.load_cert_chain(files.certificate, files.key)
    scheme = "https" if files else "http"
    async with httpx.AsyncClient(verify=context, trust_env=False, timeout=20.0) as client:
        return await client.get(f"{scheme}://127.0.0.1:{port}{path}", headers={"Accept-Language": language})


class Metrics:
    """One scrape."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._found: dict[tuple[str, frozenset[tuple[str, str]]], float] = {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }

    @classmethod
    async def scraped(cls, port: int) -> Metrics:
        answer = await get(port, "/metrics")
        assert answer.status_code == httpx.codes.OK, answer.text
        return cls(answer.text)

    def value(self, name: str, **labels: str) -> float | None:
        """Return the value of one series of the server; None when there is none."""
        return self._found.get((PREFIX + name, frozenset(labels.items())))

    @property
    def names(self) -> set[str]:
        """The names of all series."""
        return {name for name, _ in self._found}

    @property
    def labels(self) -> Mapping[str, set[str]]:
        """The values of each label of the server's own series."""
        found: dict[str, set[str]] = {}
        for name, labels in self._found:
            for label, value in labels if name.startswith(PREFIX) else ():
                found.setdefault(label, set()).add(value)
        return found
