"""The manual page and the shell completions of a program, from its own help: nothing is written twice."""

from __future__ import annotations

import importlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Any

import typer

from deploy.packages.machines import Machine

COMPLETIONS = {
    "bash": "usr/share/bash-completion/completions/{}",
    "zsh": "usr/share/zsh/vendor-completions/_{}",
    "fish": "usr/share/fish/vendor_completions.d/{}.fish",
}


def write_manual(machine: Machine, version: str, made_at: datetime, tree: Path) -> None:
    """Write manual page (section 1) and completions below `tree`. Raises CalledProcessError."""
    page = tree / "usr/share/man/man1" / f"{machine.package}.1"
    page.parent.mkdir(parents=True)
    page.write_text(manual_page(machine, version, made_at), encoding="utf-8")
    variable = f"_{machine.package.replace('-', '_').upper()}_COMPLETE"
    for shell, place in COMPLETIONS.items():
        path = tree / place.format(machine.package)
        path.parent.mkdir(parents=True)
        command = (str(Path(sys.executable).parent / machine.package),)
        environment = {**os.environ, variable: f"source_{shell}"}
        path.write_text(subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout)


def manual_page(machine: Machine, version: str, made_at: datetime) -> str:
    """Return the page as troff's `man` macros have it: all commands of the program with all their options."""
    module, _, name = machine.application.partition(":")
    root = typer.main.get_command(getattr(importlib.import_module(module), name))
    first, *more = _paragraphs(root.help)
    lines = [f'.TH "{machine.package.upper()}" 1 "{made_at:%Y-%m-%d}" "Cekalwatch {version}"']
    lines += [".SH NAME", _text(f"{machine.package} - {first.rstrip('.')}")]
    lines += [".SH SYNOPSIS", f".B {_text(machine.package)}", r"\fICOMMAND\fR [\fIOPTIONS\fR]"]
    lines += [".SH DESCRIPTION", *(line for paragraph in (first, *more) for line in (".PP", _text(paragraph)))]
    lines += [".SH COMMANDS", *_commands(root, ())]
    lines += [".SH FILES", ".TP", f".I /etc/cekalwatch/{machine.package.removeprefix('cekalwatch-')}.toml"]
    lines += ["The settings; all of them: the command", r"\fBsettings\fR.", ".SH SEE ALSO"]
    lines += [_text(f"/usr/share/doc/{machine.package}/")]
    return "\n".join(lines) + "\n"


def _commands(command: Any, path: tuple[str, ...]) -> Iterator[str]:  # noqa: ANN401  # typer has click's classes inside
    for name, one in command.commands.items():
        if one.hidden:
            continue
        if hasattr(one, "commands"):
            yield from _commands(one, (*path, name))
            if not one.invoke_without_command:
                continue
        yield f'.SS "{_text(" ".join((*path, name)))}"'
        for paragraph in _paragraphs(one.help):
            yield from (".PP", _text(paragraph))
        for parameter in one.params:
            if parameter.name != "help" and not getattr(parameter, "hidden", False):
                yield from (".TP", rf"\fB{_text(_signature(parameter))}\fR", _text(parameter.help or ""))
        if one.epilog:
            yield from (".PP", ".nf", _text(one.epilog.replace("\n\n", "\n")), ".fi")


def _signature(parameter: Any) -> str:  # noqa: ANN401
    if parameter.param_type_name == "argument":
        return str(parameter.metavar or parameter.name.upper())
    flags = ", ".join((*parameter.opts, *parameter.secondary_opts))
    if parameter.is_flag:
        return flags
    kind = parameter.type_descriptor.annotation
    if isinstance(kind, type) and issubclass(kind, Enum):
        return f"{flags} {'|'.join(str(one.value) for one in kind)}"
    return f"{flags} {parameter.metavar or getattr(kind, '__name__', 'TEXT').upper()}"


def _paragraphs(text: str | None) -> list[str]:
    return [" ".join(part.split()) for part in re.split(r"\n\s*\n", text or "") if part.strip()]


def _text(text: str) -> str:
    """Return text for troff: no line is a request of its, and no backslash or hyphen is lost."""
    text = text.replace("\\[", "[").replace("\\", r"\e").replace("-", r"\-")
    return re.sub(r"^(?=[.'])", r"\\&", text, flags=re.MULTILINE)
