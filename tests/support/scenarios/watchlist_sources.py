"""The same orders in the five forms in which a list can come, each changed as its kind allows.

Each form has the orders in a layout of its own (other names, other dates, other lists), so that its mapping counts.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any, Protocol

import sqlalchemy as sa
from openpyxl import Workbook

from cekalwatch.extensions.nist_source.source_settings import PackagesSettings
from cekalwatch.extensions.sql_source.source_settings import SqlSettings
from cekalwatch.server.watchlist.imports.records import OPTIONAL_COLUMNS, ImportRecord
from cekalwatch.server.watchlist.sources.mapping_settings import DocumentColumns, MappingSettings
from cekalwatch.server.watchlist.sources.opening import open_source
from cekalwatch.server.watchlist.sources.settings import FolderSettings, HttpSettings, SpreadsheetSettings, WebAccess
from cekalwatch.server.watchlist.sources.source import OfferedOrder, Reading, SourceItem, WatchlistSource
from deploy.simulator.orders import OrderDatabase
from deploy.simulator.web import Simulator
from tests.support.builders.itl_packages import itl_package
from tests.support.builders.watchlist import WIB

Facts = Mapping[str, Any]

INDONESIAN = {
    "order_id": "No. Cekal",
    "subject_id": "ID Subjek",
    "kind": "Jenis",
    "requesting_agency": "Instansi Pemohon",
    "valid_from": "Berlaku Mulai",
    "valid_until": "Berlaku Sampai",
    "received_on": "Diterima",
    "urgent": "Mendesak",
    "extends_order_id": "Perpanjangan Dari",
    "revoked_at": "Dicabut",
    "ground": "Dasar Penangkalan",
    "person_status": "Status Perkara",
    "revocation_ground": "Dasar Pencabutan",
    "revocation_reference": "Nomor Pencabutan",
    "name": "Nama Lengkap",
    "aliases": "Alias",
    "sex": "Jenis Kelamin",
    "date_of_birth": "Tanggal Lahir",
    "nationality": "Kewarganegaraan",
    "nik": "NIK",
    "photographs": "Foto",
}
VALUES = {
    "kind": {"Cegah": "CEGAH", "Tangkal": "TANGKAL"},
    "sex": {"Laki-laki": "M", "Perempuan": "F"},
    "nationality": {"WNI": "IDN", "Singapura": "SGP"},
    "valid_until": {"seterusnya": "31/12/9999"},
    "revocation_ground": {"Putusan praperadilan": "COURT"},
}
TABLE_MAPPING = MappingSettings(
    fields=INDONESIAN,
    values=VALUES,
    date_formats=("%d/%m/%Y", "%d %B %Y"),
    moment_formats=("%d/%m/%Y %H:%M",),
    list_separator=";",
    documents=(DocumentColumns(type="passport", number="No. Paspor", country="Negara Paspor"),),
)
COLUMNS = (*INDONESIAN.values(), "No. Paspor", "Negara Paspor")


def facts(order_id: str = "O-1", **changes: Any) -> dict[str, Any]:
    """An order that is in force in March 2026, with everything that all forms can say."""
    usual: dict[str, Any] = {
        "order_id": order_id,
        "subject_id": f"S-{order_id}",
        "kind": "CEGAH",
        "requesting_agency": "Kejaksaan Agung",
        "valid_from": date(2026, 1, 1),
        "valid_until": date(2026, 6, 30),
        "received_on": date(2026, 1, 1),
        "urgent": False,
        "extends_order_id": "",
        "revoked_at": None,
        "ground": "",
        "person_status": "SUSPECT",
        "revocation_ground": "",
        "revocation_reference": "",
        "name": "Contoh Satu",
        "aliases": ["Satu", "Si Contoh"],
        "sex": "F",
        "date_of_birth": "1975",
        "nationality": "IDN",
        "nik": "",
        "passport": "X0000001",
        "photographs": [f"{order_id}.jpg"],
    }
    return usual | changes


def indonesian(order: Facts) -> dict[str, str]:
    """The row of an order as an agency would write it."""
    back = {field: {meaning: text for text, meaning in meanings.items()} for field, meanings in VALUES.items()}
    until: date = order["valid_until"]
    revoked: datetime | None = order["revoked_at"]
    texts = {
        **{field: str(order[field]) for field in ("order_id", "subject_id", "requesting_agency", "name", "nik")},
        **{field: order[field] for field in ("ground", "person_status", "revocation_reference")},
        **{field: f"{order[field]:%d/%m/%Y}" for field in ("valid_from", "received_on")},
        **{field: back[field].get(order[field], order[field]) for field in ("kind", "sex", "nationality")},
        "revocation_ground": back["revocation_ground"].get(order["revocation_ground"], ""),
        **{field: "; ".join(order[field]) for field in ("aliases", "photographs")},
        "valid_until": "Seterusnya" if until.year == 9999 else f"{until.day} {MONTHS[until.month - 1]} {until.year}",
        "urgent": "Ya" if order["urgent"] else "Tidak",
        "extends_order_id": order["extends_order_id"],
        "revoked_at": f"{revoked.astimezone(WIB):%d/%m/%Y %H:%M}" if revoked else "",
        "date_of_birth": order["date_of_birth"],
    }
    row = {column: texts[field] for field, column in INDONESIAN.items()}
    return row | {"No. Paspor": order["passport"], "Negara Paspor": "WNI" if order["passport"] else ""}


MONTHS = (
    *("Januari", "Februari", "Maret", "April", "Mei", "Juni"),
    *("Juli", "Agustus", "September", "Oktober", "November", "Desember"),
)


class Form(Protocol):
    """A list in one form."""

    knows_changes: bool
    """Whether a later reading can be of the changes alone."""

    def source(self) -> WatchlistSource:
        """A newly opened source of it, with pages of two orders where they have a size."""

    def put(self, *orders: Facts) -> None:
        """Let the list have just these orders."""

    def photograph(self, name: str, data: bytes) -> None:
        """Put a photograph where the list expects it, in place of one of that name."""


class FolderForm:
    knows_changes = False

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "list"
        self.folder.mkdir()

    def source(self) -> WatchlistSource:
        return open_source(FolderSettings(path=self.folder, file="daftar.csv", mapping=TABLE_MAPPING), WIB)

    def put(self, *orders: Facts) -> None:
        with (self.folder / "daftar.csv").open("w", newline="", encoding="utf-8-sig") as file:
            writer = csv.DictWriter(file, COLUMNS, delimiter=";")
            writer.writeheader()
            writer.writerows(map(indonesian, orders))

    def photograph(self, name: str, data: bytes) -> None:
        write_anew(self.folder / name, data)


class SpreadsheetForm:
    knows_changes = False

    def __init__(self, folder: Path) -> None:
        self.file = folder / "daftar.xlsx"
        self.photographs = folder / "foto"
        self.photographs.mkdir()

    def source(self) -> WatchlistSource:
        entry = SpreadsheetSettings(
            kind="spreadsheet",
            file=self.file,
            sheet="Daftar Cekal",
            mapping=TABLE_MAPPING,
            photographs=self.photographs,
        )
        return open_source(entry, WIB)

    def put(self, *orders: Facts) -> None:
        """Some days are dates, as Excel makes them, and others are texts."""
        book = Workbook()
        book.create_sheet("Petunjuk").append(["Jangan diubah"])
        sheet = book.create_sheet("Daftar Cekal")
        sheet.append(["DAFTAR PENCEGAHAN DAN PENANGKALAN"])
        sheet.append([])
        sheet.append(["No.", *COLUMNS, "Keterangan"])
        for number, order in enumerate(orders, 1):
            row: dict[str, Any] = dict(indonesian(order))
            row["Berlaku Mulai"] = order["valid_from"]
            row["Tanggal Lahir"] = int(order["date_of_birth"])
            if order["revoked_at"]:
                row["Dicabut"] = order["revoked_at"].astimezone(WIB).replace(tzinfo=None)
            sheet.append([number, *row.values(), "lihat surat"])
        book.save(self.file)

    def photograph(self, name: str, data: bytes) -> None:
        write_anew(self.photographs / name, data)


class PackagesForm:
    """A package for each order, written by the library nistitl, with fingerprints between its texts and its face."""

    knows_changes = False
    MAPPING = replace(
        TABLE_MAPPING,
        fields={field: f"2.{200 + number}" for number, field in enumerate(INDONESIAN) if field != "photographs"},
        documents=(DocumentColumns(type="passport", number="2.300", country="2.301"),),
    )

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "packages"
        self.folder.mkdir()
        self.faces: dict[str, bytes] = {}
        self.orders: tuple[Facts, ...] = ()

    def source(self) -> WatchlistSource:
        return open_source(PackagesSettings(kind="packages", path=self.folder, mapping=self.MAPPING), WIB)

    def put(self, *orders: Facts) -> None:
        self.orders = orders
        written = {f"{number}.nist": self._package(order) for number, order in enumerate(orders)}
        for file in self.folder.iterdir():
            if file.name not in written:
                file.unlink()
        for name, content in written.items():
            file = self.folder / name
            if not file.exists() or file.read_bytes() != content:
                write_anew(file, content)

    def photograph(self, name: str, data: bytes) -> None:
        self.faces[name] = data
        self.put(*self.orders)

    def _package(self, order: Facts) -> bytes:
        row = indonesian(order)
        fields = self.MAPPING.fields
        texts = {name: row[INDONESIAN[field]] for field, name in fields.items()}
        texts |= {"2.300": row["No. Paspor"], "2.301": row["Negara Paspor"]}
        lists = {fields["aliases"]: tuple(order["aliases"])}
        faces = [self.faces[name] for name in order["photographs"] if name in self.faces]
        return itl_package({**texts, **lists}, faces, order["order_id"])


class SqlForm:
    knows_changes = True
    MAPPING = MappingSettings(
        fields={field: field for field in INDONESIAN},
        date_formats=("%Y-%m-%d",),
        documents=(DocumentColumns(type="passport", number="passport", country="passport_country"),),
    )

    def __init__(self, address: str) -> None:
        self.address = address
        self.engine = sa.create_engine(address, poolclass=sa.pool.NullPool)
        self.version = 0
        self.table = sa.Table(
            "cekal",
            sa.MetaData(),
            sa.Column("order_id", sa.String(80)),
            *(sa.Column(name, sa.Date) for name in ("valid_from", "valid_until", "received_on")),
            sa.Column("revoked_at", sa.DateTime(timezone=True)),
            sa.Column("urgent", sa.Boolean),
            *(sa.Column(name, sa.String(200)) for name in ("subject_id", "kind", "requesting_agency", "name")),
            *(sa.Column(name, sa.String(200)) for name in ("sex", "date_of_birth", "nationality", "nik", "passport")),
            *(sa.Column(name, sa.String(200)) for name in ("passport_country", "extends_order_id", "aliases")),
            *(sa.Column(name, sa.String(200)) for name in OPTIONAL_COLUMNS),
            sa.Column("photo", sa.LargeBinary),
            sa.Column("photo_name", sa.String(200)),
            sa.Column("changed", sa.Integer),
            sa.Column("gone", sa.Boolean),
        )
        self.table.create(self.engine)

    def source(self) -> WatchlistSource:
        mapping = replace(self.MAPPING, fields={name: name for name in INDONESIAN if name != "photographs"})
        entry = SqlSettings(
            kind="sql",
            address=self.address,
            query="SELECT * FROM cekal WHERE kind <> 'ARSIP: 1'",
            mapping=mapping,
            changed_column="changed",
            withdrawn_column="gone",
            photograph_columns=("photo",),
            rows_at_once=2,
        )
        return open_source(entry, WIB)

    def put(self, *orders: Facts) -> None:
        table = self.table
        with self.engine.begin() as connection:
            known = {row.order_id: dict(row._mapping) for row in connection.execute(sa.select(table))}
            for order in orders:
                values = {name: value for name, value in order.items() if name != "photographs"}
                values |= {"aliases": "|".join(order["aliases"]), "gone": False}
                # SQLite keeps no offset, so that times there are the checkpoint's.
                values |= {"revoked_at": order["revoked_at"] and order["revoked_at"].astimezone(WIB)}
                values |= {"passport_country": "IDN" if order["passport"] else ""}
                values |= {"photo_name": order["photographs"][0] if order["photographs"] else ""}
                was = known.pop(order["order_id"], None)
                if was is None:
                    self.version += 1
                    connection.execute(sa.insert(table).values(values | {"changed": self.version}))
                elif any(was[name] != value for name, value in values.items()):
                    self.version += 1
                    chosen = sa.update(table).where(table.c.order_id == order["order_id"])
                    connection.execute(chosen.values(values | {"changed": self.version}))
            for key in known:
                self.version += 1
                gone = sa.update(table).where(table.c.order_id == key).values(gone=True, changed=self.version)
                connection.execute(gone)

    def photograph(self, name: str, data: bytes) -> None:
        self.version += 1
        with self.engine.begin() as connection:
            chosen = sa.update(self.table).where(self.table.c.photo_name == name)
            connection.execute(chosen.values(photo=data, changed=self.version))


class HttpForm:
    knows_changes = True

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator

    def source(self) -> WatchlistSource:
        entry = HttpSettings(
            kind="http", address=self.simulator.address, page_size=2, access=WebAccess(attempts=2, back_off_seconds=0)
        )
        return open_source(entry, WIB)

    def put(self, *orders: Facts) -> None:
        book: OrderDatabase = self.simulator.book
        gone = set(book.order_ids())
        for order in orders:
            found = self._written(order)
            if order["order_id"] not in gone or book.get(order["order_id"]) != found:
                book.put(found)
            gone.discard(order["order_id"])
        for key in gone:
            book.remove(key)

    def photograph(self, name: str, data: bytes) -> None:
        self.simulator.book.put_photograph(name, data)
        for key in self.simulator.book.order_ids():
            order = self.simulator.book.get(key)
            if any(one["name"] == name for one in order["photographs"]):
                self.simulator.book.put(
                    order | {"photographs": [self._place(one["name"]) for one in order["photographs"]]}
                )

    def _written(self, order: Facts) -> dict[str, Any]:
        days = ("valid_from", "valid_until", "received_on")
        passport = order["passport"]
        return {
            **{name: value for name, value in order.items() if name != "passport"},
            **{name: order[name].isoformat() for name in days},
            "revoked_at": order["revoked_at"].isoformat() if order["revoked_at"] else None,
            "travel_documents": [{"type": "passport", "number": passport, "country": "IDN"}] if passport else [],
            "photographs": [self._place(name) for name in order["photographs"]],
        }

    def _place(self, name: str) -> dict[str, str]:
        found = self.simulator.book.photograph(name)
        return {"address": f"photographs/{name}", "version": found[0] if found else "", "name": name}


def write_anew(file: Path, data: bytes) -> None:
    """Write a file that is later than the one before, whatever the file system's clock does."""
    before = file.stat().st_mtime_ns if file.exists() else 0
    file.write_bytes(data)
    if before:
        os.utime(file, ns=(before + 1_000_000, before + 1_000_000))


def items(reading: Reading) -> list[SourceItem]:
    """Everything that a reading gives."""
    return [item for page in reading.pages for item in page.items]


def offered(reading: Reading) -> dict[str, OfferedOrder]:
    """What a reading offers, by key; it must give nothing else."""
    found = items(reading)
    assert all(isinstance(item, OfferedOrder) for item in found), found
    return {item.order_id: item for item in found if isinstance(item, OfferedOrder)}


def records(reading: Reading) -> dict[str, ImportRecord]:
    """The records of a reading that offers nothing but such."""
    return {key: item.load() for key, item in offered(reading).items()}
