"""Lists the settings of a program: name, form, default and meaning.

It reads pydantic's JSON schema of a class of settings, and what is written below each field, so nothing is written
twice. It knows no program.
"""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core.core_schema import DataclassSchema, ModelSchema
from pydantic_settings import BaseSettings

Node = Mapping[str, Any]

_PASSWORD = re.compile(r"(://[^/\s:@]*:)\S+@|((?:password|passwd|secret|token)=)[^&\s]+", re.IGNORECASE)
HIDDEN = "********"
TABLE = "table"
TABLES = "list of tables"


@dataclass(frozen=True)
class Setting:
    """One setting of a program."""

    table: str
    """The table of the TOML file that it is in, such as "watchlist.sync" or "[sites]"; empty for the top."""
    key: str
    form: str
    """Its possible values, in words."""
    default: object
    """As in the TOML file; None when it is not set. A table that is always there has an empty one."""
    meaning: str
    variable: str = ""
    """The environment variable; empty for an entry of a list of tables, which has none."""
    required: bool = False
    """Whether its table cannot be without it."""
    varies: bool = False
    """Whether the default depends on the machine."""
    kind: str = ""
    """With a table that has several forms: the `kind` that this setting belongs to."""

    @property
    def name(self) -> str:
        """Table and key."""
        return f"{self.table}.{self.key}" if self.table else self.key


def describe(settings: type[BaseSettings]) -> list[Setting]:
    """Return all settings, also those within tables and lists of tables, in the order of the classes."""
    schema = settings.model_json_schema(schema_generator=_SchemaWithMeanings)
    prefix = str(settings.model_config.get("env_prefix", ""))
    found = _table(schema, schema.get("$defs", {}), "", prefix)
    return list({(one.table, one.kind, one.key): one for one in found}.values())  # forms of a table share tables


class _SchemaWithMeanings(GenerateJsonSchema):
    """The text below each field is its description.

    pydantic itself would look for those texts whenever a program starts, which takes a tenth of its loading.
    """

    def model_schema(self, schema: ModelSchema) -> JsonSchemaValue:
        return _explained(super().model_schema(schema), schema["cls"])

    def dataclass_schema(self, schema: DataclassSchema) -> JsonSchemaValue:
        return _explained(super().dataclass_schema(schema), schema["cls"])


def _explained(table: JsonSchemaValue, settings: type) -> JsonSchemaValue:
    fields = table["properties"]
    for base in reversed(settings.__mro__):
        if fields.keys() & vars(base).get("__annotations__", {}).keys():
            for name, meaning in _texts_below_fields(base):
                fields.get(name, {})["description"] = meaning  # what is below a constant goes nowhere
    return table


def _texts_below_fields(settings: type) -> Iterator[tuple[str, str]]:
    written = ast.parse(textwrap.dedent(inspect.getsource(settings))).body[0]
    for pair in pairwise(ast.iter_child_nodes(written)):
        match pair:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(meaning))):
                yield name, meaning


def hide(value: object) -> object:
    """Return `value` without the passwords of the addresses in it."""
    match value:
        case str():
            return _PASSWORD.sub(lambda found: f"{found[1]}{HIDDEN}@" if found[1] else f"{found[2]}{HIDDEN}", value)
        case list():
            return [hide(one) for one in value]
        case dict():
            return {key: hide(one) for key, one in value.items()}
        case _:
            return value


def portable(value: object) -> object:
    """Return a default without the name of this account's home folder."""
    home = str(Path.home())
    return f"~{value.removeprefix(home)}" if isinstance(value, str) and value.startswith(home) else value


def _table(node: Node, known: Mapping[str, Node], table: str, variable: str, kind: str = "") -> Iterator[Setting]:
    required = set(node.get("required", ()))
    for key, part in node.get("properties", {}).items():
        inner, several = _inner(part, known)
        yield Setting(
            table,
            key,
            (TABLES if several else TABLE) if inner else _form(_own(part), known),
            _default(part, is_table=bool(inner) and not several),
            " ".join(str(part.get("description", "")).split()),
            "" if table.startswith("[") else f"{variable}{key.upper()}",
            required=key in required or (key == "kind" and bool(kind)),  # it tells the forms apart
            varies="default" not in part and key not in required and part.get("type") != "object",
            kind=kind,
        )
        name = f"{table}.{key}" if table else key
        for form in inner:
            own = str(form["properties"].get("kind", {}).get("const", ""))
            yield from _table(form, known, f"[{name}]" if several else name, f"{variable}{key.upper()}__", own)


def _default(part: Node, *, is_table: bool) -> object:
    if is_table:
        return None if "anyOf" in part else {}
    return portable(part.get("default", {} if part.get("type") == "object" else None))


def _inner(part: Node, known: Mapping[str, Node]) -> tuple[list[Node], bool]:
    """Return the tables that a setting is, in each form that it has; and whether it is a list of them."""
    several = part.get("type") == "array"
    node = part.get("items", {}) if several else _own(part)
    forms = [_resolved(one, known) for one in node.get("oneOf", [node])]
    return [one for one in forms if "properties" in one], several


def _own(part: Node) -> Node:
    """Return the form of a setting that is set."""
    forms = [one for one in part.get("anyOf", ()) if one.get("type") != "null"]
    return forms[0] if forms else part


def _resolved(node: Node, known: Mapping[str, Node]) -> Node:
    return known[node["$ref"].rpartition("/")[2]] if "$ref" in node else node


def _form(node: Node, known: Mapping[str, Node]) -> str:
    """Return in words what a value can be."""
    node = _resolved(node, known)
    if "const" in node:
        return f'"{node["const"]}"'
    if "enum" in node:
        return " or ".join(f'"{one}"' for one in node["enum"])
    match node.get("type"):
        case "boolean":
            return "true or false"
        case "integer":
            return f"whole number{_bounds(node)}"
        case "number":
            return f"number{_bounds(node)}"
        case "array":
            return f"list of {_form(node['items'], known)}" if "prefixItems" not in node else "pair of numbers"
        case "object":
            return f"table of {_form(node['additionalProperties'], known)}"
    if node.get("format") == "path":
        return "path"
    if node.get("format") == "password":
        return "secret text"
    return f"text that matches {node['pattern']}" if "pattern" in node else f"text{_lengths(node)}"


def _bounds(node: Node) -> str:
    words = {"minimum": "from", "exclusiveMinimum": "above", "maximum": "to", "exclusiveMaximum": "below"}
    return "".join(f" {word} {Decimal(str(node[bound])):f}" for bound, word in words.items() if bound in node)


def _lengths(node: Node) -> str:
    return f" of at most {node['maxLength']} characters" if "maxLength" in node else ""
