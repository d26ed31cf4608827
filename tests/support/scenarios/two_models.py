"""A server that has several model packs: its settings, its `gallery` commands, and what its database holds."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from subprocess import CompletedProcess

from cekalwatch.program.errors import Exit
from cekalwatch.server.audit.entry import Action, AuditEntry, Link
from cekalwatch.server.gallery.rebuilding import Rebuilder
from cekalwatch.server.recognition.enrolment import Enroller
from cekalwatch.server.recognition.packs.installed import open_engine
from cekalwatch.server.settings.settings import ServerSettings
from cekalwatch.server.storage.audit.store import AuditStore
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.models.photograph_store import PhotographStore
from cekalwatch.server.storage.models.store import ModelChoice, ModelStore
from cekalwatch.server.storage.watchlist.store import WatchlistStore
from cekalwatch.vision.manifest import load_pack
from tests.support.builders.keys import KEEPER, keyring
from tests.support.scenarios.server import list_astronaut, settings
from tests.support.tools.packs import light_environment
from tests.support.tools.programs import server_command
from tests.support.tools.second_pack import NAME, model_packs

WITHIN_S = 60.0
"""How soon a running server must follow."""


def usual(folder: Path) -> ServerSettings:
    """Settings of a server that has all packs."""
    return settings(folder, models_dir=model_packs(), threshold=None, target_fpir=1e-2)


def model(name: str) -> str:
    """The model version of a pack."""
    return load_pack(model_packs() / name).model_version


def scores(name: str) -> str:
    """The version of a pack's scores, which alerts name."""
    return load_pack(model_packs() / name).score_version


async def gallery(*arguments: str, data: Path, **more: str) -> CompletedProcess[str]:
    """Run `cekalwatch-server gallery` where the packs are; `more` goes to its environment."""
    return await server_command("gallery", *arguments, data=data, **environment() | more)


def environment() -> dict[str, str]:
    return light_environment() | {
        "CEKALWATCH_SERVER_MODELS_DIR": str(model_packs()),
        "CEKALWATCH_SERVER_TARGET_FPIR": "0.01",
    }


async def done(outcome: CompletedProcess[str], *, exit_code: int = Exit.OK) -> str:
    """Return what a command told that ended in this way."""
    assert outcome.returncode == exit_code, outcome.stdout + outcome.stderr
    return outcome.stdout + outcome.stderr


async def until(condition: Callable[[], object | Awaitable[object]], *, every_s: float = 0.05) -> None:
    """Wait for what another process, or the server in its own time, does."""
    async with asyncio.timeout(WITHIN_S):
        while True:
            found = condition()
            if await found if isinstance(found, Awaitable) else found:
                return
            await asyncio.sleep(every_s)


def changed_model(chosen: ServerSettings, *scales: float, to: str = NAME) -> None:
    """List the portrait, at these scales, with the pack `light`; make templates of another pack, and switch to it."""
    for scale in scales:
        list_astronaut(chosen, scale=scale, model=model("light"))
    database, _ = open_store(chosen)
    keys = keyring(database, chosen.master_key_source)
    engine = open_engine(load_pack(model_packs() / to), threads=1)
    with ThreadPoolExecutor(1) as workers:
        enroller = Enroller(engine.detector, engine.recogniser)
        list(Rebuilder(PhotographStore(database, keys), enroller, workers).steps())
    present, wanted = (ModelChoice(name, model(name)) for name in ("light", to))
    entry = AuditEntry(datetime.now(UTC), KEEPER, Action.GALLERY_SWITCHED)
    ModelStore(database).switch(wanted, present, lambda _: entry)
    database.close()


def trail(chosen: ServerSettings, *actions: Action) -> list[Link]:
    """What was recorded of these actions."""
    database = Database(chosen.database_address)
    found = [link for link in AuditStore(database).links() if link.action in actions]
    database.close()
    return found


def open_store(chosen: ServerSettings) -> tuple[Database, WatchlistStore]:
    database = Database(chosen.database_address)
    database.upgrade()
    return database, WatchlistStore(database, keyring(database, chosen.master_key_source))
