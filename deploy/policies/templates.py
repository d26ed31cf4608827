"""The policies, from the descriptions of the settings, and their templates in the form of Windows' Group Policy.

The form is that of Microsoft's "Group Policy ADMX Syntax Reference Guide", schema 1.0. A policy is a value of the
registry by the setting's name, below Software\\Policies\\Cekalwatch of the machine.
"""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

from cekalwatch.camera.settings import CameraSettings
from cekalwatch.notifier.settings import NotifierSettings
from cekalwatch.program.cli.setting_list import TABLE, TABLES, Setting, describe
from cekalwatch.program.platform.policies import KEY
from cekalwatch.program.settings import Settings

PROGRAMS: dict[str, type[Settings]] = {"Notifier": NotifierSettings, "Camera": CameraSettings}
OF_EACH_DEVICE = frozenset(
    {"agent_id", "camera_id", "cameras", "source", "source_user", "source_password_file", "ptz_password"}
)
"""What differs from device to device, and a password: people of a PC can read its policies."""
_NUMBER = re.compile(r"(?:whole )?number(?: (?:from|above) (?P<least>\S+))?(?: (?:to|below) (?P<most>\S+))?")
_CHOICE = re.compile(r'"([^"]+)"')
_SCHEMA = "http://schemas.microsoft.com/GroupPolicy/2006/07/PolicyDefinitions"
_FRAME = {
    "Cekalwatch": ("Cekalwatch", "Cekalwatch"),
    "Notifier": ("Officers' PCs", "PC petugas"),
    "Camera": ("Capture hosts", "Komputer kamera"),
    "SUPPORTED": ("Windows 10 or 11 with Cekalwatch", "Windows 10 atau 11 dengan Cekalwatch"),
}


@dataclass(frozen=True)
class Policy:
    """One setting that a domain can set."""

    program: str
    """A key of PROGRAMS."""
    setting: Setting

    @property
    def name(self) -> str:
        """Its name in the templates."""
        return f"{self.program}_{self.setting.name.replace('.', '_')}"

    @property
    def key(self) -> str:
        """The key of the registry that has its value."""
        return "\\".join((KEY, self.program, *filter(None, self.setting.table.split("."))))

    @property
    def choices(self) -> list[str]:
        """The texts among which it chooses; none: any text."""
        return _CHOICE.findall(self.setting.form)

    @property
    def is_switch(self) -> bool:
        """Whether it is on or off."""
        return self.setting.form == "true or false"

    @property
    def is_list(self) -> bool:
        """Whether it has several values."""
        return self.setting.form.startswith("list of")

    @property
    def bounds(self) -> tuple[int, int] | None:
        """The least and the largest whole number, where it is one as people would write it."""
        found = _NUMBER.fullmatch(self.setting.form)
        default = self.setting.default
        if not found or not found["most"] or not isinstance(default, int | float) or default < 1 or default % 1:
            return None
        if not self.setting.form.startswith("whole") and default == 1:
            return None  # a factor
        return max(1, math.ceil(float(found["least"] or 1))), math.floor(float(found["most"]))

    @property
    def english(self) -> tuple[str, str]:
        """Its name and its meaning, in English."""
        return self.setting.name.replace("_", " ").replace(".", ": ").capitalize(), self.setting.meaning

    @property
    def indonesian(self) -> tuple[str, str]:
        """The same in Indonesian."""
        texts = _indonesian()
        name, meaning = texts[self.program.lower()].get(self.setting.name) or texts["both"][self.setting.name]
        return name, meaning


def policies() -> Iterator[Policy]:
    """Yield the settings that are alike on many PCs, of both programs."""
    of_each_camera = {one.key for one in describe(CameraSettings) if one.table == "[cameras]"} - {"tls_dir"}
    for program, settings in PROGRAMS.items():
        for setting in describe(settings):
            per_device = setting.key in OF_EACH_DEVICE or (program == "Camera" and setting.name in of_each_camera)
            is_own = program == "Notifier" and setting.key == "tls_dir"
            in_list = setting.table.startswith(("[", "ptz"))
            if setting.form not in {TABLE, TABLES} and not (per_device or is_own or in_list):
                yield Policy(program, setting)


def documents() -> dict[str, str]:
    """Return the content of each file, by its path in the folder of templates."""
    found = tuple(policies())
    return {
        "cekalwatch.admx": _definitions(found),
        "en-US/cekalwatch.adml": _texts(found, 0),
        "id-ID/cekalwatch.adml": _texts(found, 1),
    }


@cache
def _indonesian() -> dict[str, dict[str, list[str]]]:
    return tomllib.loads((Path(__file__).parent / "indonesian.toml").read_text(encoding="utf-8"))


def _definitions(found: tuple[Policy, ...]) -> str:
    categories = "\n".join(
        f'    <category name="{name}" displayName="$(string.{name})"><parentCategory ref="Cekalwatch"/></category>'
        for name in PROGRAMS
    )
    return f"""<?xml version="1.0" encoding="utf-8"?>
<!-- Written by `make policies` from the descriptions of the settings; do not edit it by hand. -->
<policyDefinitions revision="1.0" schemaVersion="1.0" xmlns="{_SCHEMA}">
  <policyNamespaces>
    <target prefix="cekalwatch" namespace="Cekalwatch.Policies"/>
  </policyNamespaces>
  <resources minRequiredRevision="1.0"/>
  <supportedOn>
    <definitions><definition name="SUPPORTED" displayName="$(string.SUPPORTED)"/></definitions>
  </supportedOn>
  <categories>
    <category name="Cekalwatch" displayName="$(string.Cekalwatch)"/>
{categories}
  </categories>
  <policies>
{"".join(map(_definition, found))}  </policies>
</policyDefinitions>
"""


def _definition(policy: Policy) -> str:
    name = policy.name
    facts = f'name="{name}" class="Machine" displayName="$(string.{name})" explainText="$(string.{name}_help)"'
    place = f"key={quoteattr(policy.key)}"
    about = f'<parentCategory ref="{policy.program}"/><supportedOn ref="SUPPORTED"/>'
    if policy.is_switch:
        values = '<enabledValue><decimal value="1"/></enabledValue><disabledValue><decimal value="0"/></disabledValue>'
        return f'    <policy {facts} {place} valueName="{policy.setting.key}">{about}{values}</policy>\n'
    shown = f'presentation="$(presentation.{name})"'
    return f"    <policy {facts} {place} {shown}>{about}<elements>{_element(policy)}</elements></policy>\n"


def _element(policy: Policy) -> str:
    value = f'id="value" valueName="{policy.setting.key}" required="true"'
    if policy.choices:
        items = "".join(
            f'<item displayName="$(string.{policy.name}_{choice})">'
            f"<value><string>{escape(choice)}</string></value></item>"
            for choice in policy.choices
        )
        return f"<enum {value}>{items}</enum>"
    if policy.is_list:
        return f"<multiText {value}/>"
    if bounds := policy.bounds:
        return f'<decimal {value} minValue="{bounds[0]}" maxValue="{bounds[1]}"/>'
    return f"<text {value}/>"


def _texts(found: tuple[Policy, ...], language: int) -> str:
    strings = [(name, words[language]) for name, words in _FRAME.items()]
    for policy in found:
        name, meaning = (policy.english, policy.indonesian)[language]
        default = "" if policy.setting.varies else _plain(policy.setting.default, language)
        known = f" {('Default', 'Bawaan')[language]}: {default}." if default else ""
        strings += [(policy.name, name), (f"{policy.name}_help", meaning + known)]
        strings += [(f"{policy.name}_{choice}", choice) for choice in policy.choices]
    shown = "\n".join(f"      <string id={quoteattr(name)}>{escape(text)}</string>" for name, text in strings)
    boxes = "".join(_presentation(policy, language) for policy in found if not policy.is_switch)
    return f"""<?xml version="1.0" encoding="utf-8"?>
<!-- Written by `make policies`; do not edit it by hand. -->
<policyDefinitionResources revision="1.0" schemaVersion="1.0" xmlns="{_SCHEMA}">
  <displayName>Cekalwatch</displayName>
  <description>Cekalwatch</description>
  <resources>
    <stringTable>
{shown}
    </stringTable>
    <presentationTable>
{boxes}    </presentationTable>
  </resources>
</policyDefinitionResources>
"""


def _plain(value: object, language: int) -> str:
    """Return a default for people; empty for none."""
    match value:
        case bool():
            return (("off", "mati"), ("on", "hidup"))[value][language]
        case float():
            return f"{value:g}"
        case list():
            return ", ".join(map(str, value))
    return "" if value is None else str(value)


def _presentation(policy: Policy, language: int) -> str:
    label = escape((policy.english, policy.indonesian)[language][0])
    default = policy.setting.default
    if policy.choices:
        first = policy.choices.index(default) if default in policy.choices else 0
        box = f'<dropdownList refId="value" noSort="true" defaultItem="{first}">{label}</dropdownList>'
    elif policy.is_list:
        box = f'<multiTextBox refId="value">{label}</multiTextBox>'
    elif policy.bounds:
        box = f'<decimalTextBox refId="value" defaultValue="{round(float(str(default)))}">{label}</decimalTextBox>'
    else:
        box = f'<textBox refId="value"><label>{label}</label></textBox>'
    return f'      <presentation id="{policy.name}">{box}</presentation>\n'
