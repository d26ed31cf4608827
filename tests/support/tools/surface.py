"""What people and other programs use by name: commands, settings, RPCs, addresses of pages, metrics, log events.

python -m tests.support.tools.surface           # writes the names of these sources into the file, for a release
python -m tests.support.tools.surface --all     # prints them with forms, defaults and help, to compare by diff
"""

from __future__ import annotations

import importlib
import json
import pkgutil
import re
import sys
from collections.abc import Iterator, Mapping
from enum import EnumType
from typing import Any

import typer

import cekalwatch.v1
from cekalwatch.camera.cli.app import app as camera
from cekalwatch.camera.settings import CameraSettings
from cekalwatch.console.cli import app as console
from cekalwatch.console.routes import ROUTES
from cekalwatch.console.settings import ConsoleSettings
from cekalwatch.gateway.app import create_app
from cekalwatch.gateway.cli import app as gateway
from cekalwatch.gateway.settings import GatewaySettings
from cekalwatch.notifier.cli.app import app as notifier
from cekalwatch.notifier.settings import NotifierSettings
from cekalwatch.program.cli.setting_list import describe
from cekalwatch.program.errors import Exit
from cekalwatch.program.settings import Settings
from cekalwatch.server.cli.app import app as server
from cekalwatch.server.foundation.errors import Code
from cekalwatch.server.settings.settings import ServerSettings
from tests.support.repository import ROOT

FILE = ROOT / "tests/unit/contract/released_surface.json"
"""The names of the last release."""
LOG_TABLE = re.compile(r"^### ([a-z]+)\n((?:\|.*\n|\n)+)", re.MULTILINE)
"""A program, and its table of log events in `docs/operations.md`."""
PROGRAMS: Mapping[str, tuple[typer.Typer, type[Settings]]] = {
    "server": (server, ServerSettings),
    "camera": (camera, CameraSettings),
    "notifier": (notifier, NotifierSettings),
    "console": (console, ConsoleSettings),
    "gateway": (gateway, GatewaySettings),
}

_SAID = {"required", "multiple", "nargs", "default", "envvar", "min", "max", "metavar", "hidden", "prompt", "help"}


def surface() -> dict[str, list[str]]:
    """Return the sorted names of each kind; other tests compare the tables of `docs`, which it reads, with the code."""
    monitoring, operations = ((ROOT / "docs" / page).read_text("utf-8") for page in ("monitoring.md", "operations.md"))
    found = {
        "commands": (
            one for name, (app, _) in PROGRAMS.items() for one in _commands(typer.main.get_command(app), name)
        ),
        "settings": (f"{name} {one}" for name, (_, of) in PROGRAMS.items() for one in settings(of)),
        "rpcs": _rpcs(),
        "addresses": (f"{page.method} {page.path}" for page in ROUTES),
        "metrics": re.findall(r"^\| `(cekalwatch_\w+)[`{]", monitoring, re.MULTILINE),
        "alarms": re.findall(r"^\| `(Cekalwatch\w+)`", monitoring, re.MULTILINE),
        "log_events": (
            f"{program} {event}"
            for program, table in LOG_TABLE.findall(operations)
            for event in re.findall(r"^\| `([a-z_]+)` \|", table, re.MULTILINE)
        ),
        "errors": (code.value for code in Code),
    }
    return {kind: sorted(set(names)) for kind, names in found.items()}


def settings(of: type[Settings]) -> set[str]:
    """Return the settings of a program as the file names them, with their tables, and without the brackets of lists."""
    return {re.sub(r"[][]", "", one.name) for one in describe(of)}


def _commands(command: Any, path: str) -> Iterator[str]:  # Typer has a Click of its own
    """Yield a command, its options and arguments, and those of its subcommands."""
    yield path
    for parameter in command.params:
        names = (*parameter.opts, *parameter.secondary_opts)
        yield from (f"{path} {name}" for name in names)
    for name, one in getattr(command, "commands", {}).items():
        yield from _commands(one, f"{path} {name}")


def everything() -> Iterator[str]:
    """Yield a line for each name, page of the gateway and exit code, with what its users rely on."""
    for kind, names in surface().items():
        yield from (f"{kind}: {name}" for name in names)
    for program, (app, of) in PROGRAMS.items():
        yield from _help(typer.main.get_command(app), f"help: {program}")
        for one in sorted(describe(of), key=lambda one: (one.name, one.kind)):
            yield f"setting: {program} {one.name} {one.kind} {one.variable} [{one.form}] = {one.default!r}"
        yield from (f"setting: {program} {old} is {new}" for old, new in sorted(of.old_names.items()))
    for name, method in sorted(_methods()):
        asked, answered = ("stream " * many for many in (method.client_streaming, method.server_streaming))
        yield f"rpc: {name} {asked}{method.input_type.full_name} -> {answered}{method.output_type.full_name}"
    for path, methods in create_app(None).openapi()["paths"].items():
        yield from (f"gateway: {method} {path} {json.dumps(what)}" for method, what in methods.items())
    yield from (f"exit: {code.value} {code.name}" for code in Exit)


def _help(command: Any, path: str) -> Iterator[str]:
    yield f"{path}: {command.help!r}"
    for one in command.params:
        annotation = one.type_descriptor.annotation
        choices = list(annotation.__members__) if isinstance(annotation, EnumType) else annotation
        said = {key: value for key, value in vars(one).items() if key in _SAID and value not in (None, False)}
        yield f"{path} {one.opts} {choices} {said}"
    for name, below in sorted(getattr(command, "commands", {}).items()):
        yield from _help(below, f"{path} {name}")


def _rpcs() -> Iterator[str]:
    return (name for name, _ in _methods())


def _methods() -> Iterator[tuple[str, Any]]:
    for module in pkgutil.iter_modules(cekalwatch.v1.__path__):
        if module.name.endswith("_pb2"):
            contract = importlib.import_module(f"cekalwatch.v1.{module.name}").DESCRIPTOR
            for service in contract.services_by_name.values():
                yield from ((f"{service.name}.{method.name}", method) for method in service.methods)


if __name__ == "__main__":
    if "--all" in sys.argv:
        sys.stdout.writelines(f"{line}\n" for line in everything())
    else:
        FILE.write_text(json.dumps(surface(), indent=1) + "\n", encoding="utf-8")
