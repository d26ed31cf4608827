"""The `settings` command of every program: all settings with value, origin, default and meaning; and their page.

It knows no program; each program passes its class of settings.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from itertools import groupby
from textwrap import wrap
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from cekalwatch.program.cli.command import SettingsFormat
from cekalwatch.program.cli.setting_list import HIDDEN, TABLE, TABLES, Setting, describe, hide
from cekalwatch.program.settings import LoadedSettings, Settings

_NOT_SET = "not set"
_OF_THE_MACHINE = "depends on the machine"


@dataclass(frozen=True)
class PresentSetting:
    """A setting with its present value."""

    setting: Setting
    value: object
    """As in the TOML file, with secrets hidden; None when it is not set."""
    origin: str
    """"default", "file", "environment", "option" or "policy"."""


def print_settings(loaded: LoadedSettings[Settings], form: SettingsFormat) -> None:
    """Print settings to standard output; passwords are hidden in every format."""
    match form:
        case SettingsFormat.TABLE:
            Console().print(_table(present(loaded)))
        case SettingsFormat.JSON:
            print(json.dumps([_document(one) for one in present(loaded)], indent=2, ensure_ascii=False))  # noqa: T201
        case SettingsFormat.TOML:
            print(toml(present(loaded)), end="")  # noqa: T201
        case SettingsFormat.MARKDOWN:
            print(markdown(type(loaded.values)), end="")  # noqa: T201


def present(loaded: LoadedSettings[Settings]) -> list[PresentSetting]:
    """Return the settings that have a place in what was loaded, each with its value and origin."""
    values = loaded.values.model_dump(mode="json")
    found = []
    for setting in describe(type(loaded.values)):
        path = [*filter(None, setting.table.split(".")), setting.key]
        holder = _at(values, path[:-1])
        if holder is None or holder.get("kind", "") != setting.kind:
            continue
        value = holder[setting.key]
        if setting.form != TABLE or value is None:
            origins = (name for name, source in loaded.sources if _states(source, path))
            found.append(PresentSetting(setting, hide(value), next(origins, "default")))
    return found


def _table(settings: Iterable[PresentSetting]) -> Table:
    table = Table("Setting", "Value", "From", "Default", "Meaning")
    for column in table.columns:
        column.overflow = "fold"
    for one in settings:
        meaning = f"{one.setting.meaning}\n{one.setting.form}; {one.setting.variable}"
        cells = (one.setting.name, _value(one.value), one.origin, _default(one.setting), meaning)
        table.add_row(*map(Text, cells))
    return table


def _document(one: PresentSetting) -> dict[str, object]:
    shown = ("form", "default", "meaning", "variable")
    described = {key: value for key, value in asdict(one.setting).items() if key in shown}
    return {"name": one.setting.name, "value": one.value, "from": one.origin} | described


def toml(settings: Iterable[PresentSetting]) -> str:
    """Return a configuration file that states what is not as by default; the rest is in it as comments."""
    blocks: list[str] = []
    lists: list[str] = []
    for table, group in groupby(sorted(settings, key=lambda one: one.setting.table), lambda one: one.setting.table):
        lines = [f"[{table}]"] if table else []
        for one in group:
            if one.setting.form == TABLE:
                continue
            entries = one.value if isinstance(one.value, list) and one.setting.form == TABLES else []
            if entries and one.origin != "default":
                lists.extend(_entry(one.setting.name, entry) for entry in entries)
                continue
            assignment = f"{one.setting.key} = {'' if one.value is None else literal(one.value)}".rstrip()
            secret = HIDDEN in assignment
            lines += ["", *(f"# {line}" for line in wrap(one.setting.meaning, 110))]
            lines.append(f"# {assignment}" if one.origin == "default" or one.value is None or secret else assignment)
        blocks.append("\n".join(lines).lstrip("\n"))
    return "\n\n".join([*blocks, *lists]) + "\n"


def _entry(name: str, entry: object) -> str:
    """Return one table of a list of tables."""
    facts = entry.items() if isinstance(entry, dict) else ()
    return "\n".join([f"[[{name}]]", *(f"{key} = {literal(value)}" for key, value in facts if value is not None)])


def literal(value: object) -> str:
    """Return a value as TOML writes it."""
    match value:
        case bool():
            return str(value).lower()
        case list():
            return f"[{', '.join(map(literal, value))}]"
        case dict():
            facts = (f"{json.dumps(key)} = {literal(one)}" for key, one in value.items() if one is not None)
            return f"{{{', '.join(facts)}}}"
        case int() | float():
            return str(value)
        case _:
            return json.dumps(str(value), ensure_ascii=False)


def markdown(settings: type[Settings]) -> str:
    """Return the reference of all settings: a part for each table, and a row for each setting."""
    parts = []
    for (table, kind), group in groupby(
        sorted(describe(settings), key=lambda one: (one.table.strip("[]"), one.kind)),
        lambda one: (one.table, one.kind),
    ):
        title = f"### `{_heading(table)}`" + (f" of kind {kind}" if kind else "")
        lines = [title, ""] if table else []
        lines += ["| setting | value | default | meaning |", "| --- | --- | --- | --- |"]
        lines += [
            f"| `{one.key}` | {' | '.join(map(_cell, (one.form, _default(one), one.meaning)))} |" for one in group
        ]
        parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"


def _cell(text: str) -> str:
    return "–" if text == _NOT_SET else text.replace("|", "\\|").replace("<", "&lt;")


def _default(setting: Setting) -> str:
    if setting.required:
        return "required"
    if setting.form == TABLE and setting.default is not None:
        return "as below"
    return _OF_THE_MACHINE if setting.varies else _value(setting.default)


def _value(value: object) -> str:
    return _NOT_SET if value is None else literal(value)


def _heading(table: str) -> str:
    """Return the line that begins a table in the file; one within a list of tables belongs to the last of them."""
    return f"[{table}]" if table.endswith("]") or "]" not in table else f"[{re.sub(r'[][]', '', table)}]"


def _at(values: object, path: list[str]) -> Any:  # noqa: ANN401  # a settings file holds many types
    for key in path:
        values = values.get(key) if isinstance(values, dict) else None
    return values


def _states(source: Mapping[str, Any], path: list[str]) -> bool:
    """Whether a source states the setting at `path`, or a list or nothing where its table would be."""
    place: object = source
    for key in path:
        if not isinstance(place, dict):
            return True
        if key not in place:
            return False
        place = place[key]
    return True
