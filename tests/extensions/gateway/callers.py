"""The settings of a gateway, and a system that calls it."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
from fastapi import FastAPI

from cekalwatch.gateway.gateway import Gateway
from cekalwatch.program.secret_files import write_private
from tests.support.scenarios.sign_in import becomes

KEY = secrets.token_hex(32)


def written(folder: Path, address: str, tls_dir: Path, **changes: object) -> Path:
    """Write the settings of a gateway, and its key."""
    folder.mkdir(exist_ok=True)
    write_private(folder / "key", KEY.encode())
    facts = {"server_addresses": [address], "tls_dir": str(tls_dir), "key_file": str(folder / "key")} | changes
    (folder / "gateway.toml").write_text("".join(f"{name} = {value!r}\n" for name, value in facts.items()))
    return folder / "gateway.toml"


@asynccontextmanager
async def caller(app: FastAPI, key: str = KEY) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    headers = {"authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway", headers=headers) as client:
        yield client


async def stands(gateway: Gateway) -> None:
    async def ready() -> bool:
        return gateway.held.stream.connection.ready

    await becomes(ready)
