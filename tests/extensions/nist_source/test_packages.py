"""Packages of police as a source: what nistitl writes is read, and what is damaged or of another kind is refused."""

from __future__ import annotations

import contextlib
import re
import textwrap
import tomllib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from cekalwatch.extensions.nist_source.package import MAX_RECORDS, PackageError, cell, read_package
from cekalwatch.extensions.nist_source.source_settings import PackagesSettings
from cekalwatch.server.cli.watchlist.checking import fault_in
from cekalwatch.server.foundation.errors import Code
from cekalwatch.server.watchlist.imports.reports import fault_words
from cekalwatch.server.watchlist.sources.opening import open_source
from cekalwatch.server.watchlist.sources.source import OfferedOrder, RefusedRow, SourceUnavailable
from cekalwatch.server.watchlist.sources.values import DAMAGED_VALUE
from tests.support.builders.itl_packages import FINGERPRINT, itl_package
from tests.support.builders.watchlist import WIB
from tests.support.repository import ROOT
from tests.support.scenarios.watchlist_sources import items, records

PERSON = {
    "2.007": "2026/17",
    "2.010": "P-4711",
    "2.030": "EXAMPLE, Satu",
    "2.034": ("Si Satu", "Sam Example"),
    "2.035": "19800131",
    "2.038": "SGP",
    "2.039": "M",
    "2.047": "K0000001",
}
SOUND = itl_package(PERSON, (b"\xff\xd8 a face \x1c\x1d", b"another"))


def example(folder: Path) -> PackagesSettings:
    """The settings that the page shows."""
    page = (ROOT / "docs" / "connect-cekal.md").read_text("utf-8").partition("## `packages`")[2].partition("\n## ")[0]
    lines = [line for line in page.splitlines() if line.startswith("    ") or not line]
    source = tomllib.loads(textwrap.dedent("\n".join(lines)))["watchlist"]["source"]
    return TypeAdapter(PackagesSettings).validate_python(source | {"path": folder})


def test_texts_and_faces_are_read_and_fingerprints_stepped_over() -> None:
    found = read_package(SOUND)
    assert found.faces == (b"\xff\xd8 a face \x1c\x1d", b"another")
    assert cell(found.texts["2.034"], "utf-8", "|") == "Si Satu|Sam Example"
    assert found.texts["1.005"] == b"20260227"
    assert not any(FINGERPRINT in text for text in found.texts.values())


def test_the_example_of_the_page_reads_a_package(tmp_path: Path) -> None:
    (tmp_path / "1.nist").write_bytes(SOUND)
    (tmp_path / "notes.txt").write_bytes(b"not a package")
    with contextlib.closing(open_source(example(tmp_path), WIB)) as source:
        record = records(source.read(""))["T-1"]
    assert (record.subject.name, record.subject.aliases) == ("EXAMPLE, Satu", ("Si Satu", "Sam Example"))
    assert (record.subject.date_of_birth, record.subject.nationality, record.subject.sex) == ("1980-01-31", "SGP", "M")
    assert [photograph.name for photograph in record.photographs] == ["1.nist#1", "1.nist#2"]
    assert record.photographs[1].data == b"another"


@pytest.mark.parametrize("what", ["mug shots of tattoos", "faces"])
def test_only_pictures_of_faces_are_taken(what: str) -> None:
    kind = "FACE" if what == "faces" else "TATTOO"
    assert len(read_package(itl_package(PERSON, (b"a", b"b"), picture=kind)).faces) == 2 * (kind == "FACE")


def test_a_package_cut_anywhere_is_refused() -> None:
    for end in range(0, len(SOUND) - 1, 7):
        with pytest.raises(PackageError):
            read_package(SOUND[:end])


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda _: b"PK\x03\x04 a ZIP file", r"record 1 \(type 1\) must begin at byte 0 with 1\.001 and its length"),
        (lambda data: data[:-5], r"field 10\.001 of record 6 \(type 10\) says \d+ bytes, and \d+ are there"),
        (
            lambda data: data.replace(b"\x1d2.030:", b"\x1d3.030:"),
            r"record 2 \(type 2\) must have a field 2\.NNN at byte",
        ),
        (lambda data: data.replace(b"1.003:", b"1.033:"), r"field 1\.003 must list the records"),
        (
            lambda data: data.replace(b"\x1c2.001:", b"\x1f2.001:"),
            r"record 1 \(type 1\) must end after the \d+ bytes of field 1\.001",
        ),
    ],
)
def test_what_is_damaged_is_told_by_record_and_field(damage: Callable[[bytes], bytes], told: str) -> None:
    with pytest.raises(PackageError, match=told):
        read_package(damage(SOUND))


def test_nothing_else_is_raised_by_any_package() -> None:
    random = np.random.default_rng(7)
    for _ in range(2_000):
        data = bytearray(SOUND)
        for place in random.integers(0, len(data), 3):
            data[place] = random.choice(list(b"\x1c\x1d\x1e\x1f.:0192"))
        with contextlib.suppress(PackageError):
            read_package(bytes(data))


def test_one_about_two_people_and_one_of_too_many_records_are_refused() -> None:
    text = b"2.001:17\x1d2.002:0\x1c"

    def counted(listed: bytes) -> bytes:
        body = b"1.003:1\x1f2" + listed + b"\x1c"
        return b"1.001:%05d\x1d" % (12 + len(body)) + body

    assert read_package(counted(b"\x1e2\x1f0") + text).texts["2.002"] == b"0"
    with pytest.raises(PackageError, match="one person"):
        read_package(counted(b"\x1e2\x1f0\x1e2\x1f1") + text * 2)
    with pytest.raises(PackageError, match="more than"):
        read_package(counted(b"\x1e2\x1f0" * MAX_RECORDS))


def test_a_damaged_package_is_named_by_its_file_and_the_others_are_read(tmp_path: Path) -> None:
    (tmp_path / "1.nist").write_bytes(SOUND)
    (tmp_path / "2.nist").write_bytes(SOUND[:-5])
    with contextlib.closing(open_source(example(tmp_path), WIB)) as source:
        offered, refused = sorted(items(source.read("")), key=lambda item: isinstance(item, RefusedRow))
        assert isinstance(offered, OfferedOrder)
        assert isinstance(refused, RefusedRow)
        assert (refused.report.order_id, refused.report.reason) == ("package 2.nist", Code.RECORD_INVALID)
        (fault,) = refused.report.faults
        assert fault_in(fault, None) == fault_words(fault), "no name is in it"
        assert re.fullmatch(
            r"'field 10\.001 of record \d+ \(type 10\) says \d+ bytes, and \d+ are there'; "
            r"must be a whole package of ANSI/NIST-ITL in the traditional encoding, about one person",
            fault_words(fault),
        )
        (tmp_path / "1.nist").write_bytes(itl_package(PERSON))
        problems = [photograph.problem for photograph in offered.load().photographs]
        assert problems == [Code.PHOTO_UNREADABLE] * 2, "the package has no pictures any more"


def test_a_folder_that_is_not_there_is_no_empty_list(tmp_path: Path) -> None:
    with contextlib.closing(open_source(example(tmp_path / "gone"), WIB)) as source, pytest.raises(SourceUnavailable):
        source.read("")


def test_text_in_another_encoding_is_damaged() -> None:
    assert cell(b"Jos\xe9", "utf-8", "|") is DAMAGED_VALUE
    assert cell(b"Jos\xe9", "windows-1252", "|") == "José"


@pytest.mark.parametrize("name", ["name", "10.020", "2.1", "2.0300"])
def test_a_mapping_names_fields_of_the_first_two_types(tmp_path: Path, name: str) -> None:
    sound = example(tmp_path)
    fields = dict(sound.mapping.fields) | {"name": name}
    with pytest.raises(ValidationError, match="no field of record type"):
        replace(sound, mapping=replace(sound.mapping, fields=fields))
