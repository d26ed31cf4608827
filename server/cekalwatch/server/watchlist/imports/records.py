"""One record of an import: an order with its subject and photographs, and the checks that every source's records pass.

Sources give texts; the result is valid for the domain, or a RecordError that names the field.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final, TypeVar

from cekalwatch.contract.values.imports import EXAMPLE_ORDER_ID, FieldFault
from cekalwatch.contract.values.orders import (
    MAX_REVOCATION_REFERENCE,
    OrderGround,
    OrderKind,
    PersonStatus,
    RevocationGround,
)
from cekalwatch.contract.values.subjects import MAX_REFERENCES, PicturedFace, Subject, TravelDocument
from cekalwatch.server.domain.orders.agencies import normalised
from cekalwatch.server.domain.orders.ban_order import PLAUSIBLE_YEARS, BanOrder
from cekalwatch.server.foundation.errors import CekalwatchError, Code
from cekalwatch.wire.bounds import MAX_PHOTOS_PER_RECORD

MAX_KEY = 64
MAX_NAME = 200
MAX_ALIASES = 20
MAX_DOCUMENTS = 10
MAX_DOCUMENT_TEXT = 40
MAX_SHORT_TEXT = 100
MAX_ADDRESS = 500
MAX_REASON = 1000

SUBJECT_TEXTS: Final = MappingProxyType(
    {"place_of_birth": MAX_SHORT_TEXT, "address": MAX_ADDRESS, "occupation": MAX_SHORT_TEXT}
)
"""Facts of a subject that are free texts, with their maximum lengths. Sources and messages use these names, so a new
fact is added only here, in `Subject` and in the contract."""

OPTIONAL_COLUMNS: Final = ("ground", "person_status", "revocation_ground", "revocation_reference")
"""Columns that a table may lack: lists for releases before 0.3 have none of them."""

CHOICE_WORDS: Final = MappingProxyType(
    {
        "keamanan dan ketertiban umum": OrderGround.SECURITY_AND_PUBLIC_ORDER,
        "kepentingan nasional": OrderGround.NATIONAL_INTEREST,
        "keimigrasian": OrderGround.IMMIGRATION,
        "proses pidana": OrderGround.CRIMINAL_PROCEEDINGS,
        "tersangka": PersonStatus.SUSPECT,
        "terdakwa": PersonStatus.DEFENDANT,
        "terpidana": PersonStatus.CONVICT,
        "saksi": PersonStatus.WITNESS,
        "instansi": RevocationGround.AGENCY,
        "praperadilan": RevocationGround.COURT,
        "putusan bebas": RevocationGround.ACQUITTAL,
        "salah orang": RevocationGround.WRONG_PERSON,
    }
)
"""Indonesian words that sources may use for grounds and for a person's status, in lower case."""

_ID = f"1 to {MAX_KEY} printable characters without space at the ends, and neither a name nor a number of the person"


def _choices(members: type[StrEnum]) -> str:
    return f"{', '.join(members)} or empty; anything else counts as OTHER"


_A_DAY = "a day as 2026-11-01 or 1 November 2026 (as 01/11/2026 where another day of the column shows the order)"
_PLAUSIBLE_DAY = f"{_A_DAY}, with a year from {min(PLAUSIBLE_YEARS)} to {max(PLAUSIBLE_YEARS)}"

FIELD_FORMS: Final = MappingProxyType(
    {
        "row": "as many cells as there are columns, in UTF-8",
        "package": "a whole package of ANSI/NIST-ITL in the traditional encoding, about one person",
        "order_id": f"{_ID}; each once, and not that of the template's example",
        "subject_id": _ID,
        "extends_order_id": "the id of another order, or empty",
        "name": f"1 to {MAX_NAME} printable characters",
        "aliases": f"at most {MAX_ALIASES}, of 1 to {MAX_NAME} printable characters each",
        "sex": "M, F, X or empty",
        "nik": "16 digits, or empty",
        "date_of_birth": f"{_A_DAY}, a year alone, or empty",
        "nationality": "a code of three letters as in passports (ISO 3166-1 alpha-3, as IDN), or empty",
        "travel_documents": f"at most {MAX_DOCUMENTS}, as type:number:country (three letters, or left out)",
        "kind": " or ".join(OrderKind),
        "requesting_agency": f"1 to {MAX_NAME} printable characters, with a letter or digit, and not RI alone",
        "valid_from": _PLAUSIBLE_DAY,
        "valid_until": _A_DAY,
        "received_on": _PLAUSIBLE_DAY,
        "decree_number": f"at most {MAX_SHORT_TEXT} printable characters",
        "decree_date": f"{_A_DAY}, or empty",
        "reason": f"at most {MAX_REASON} printable characters",
        "urgent": "yes, no or empty",
        "revoked_at": "a moment as YYYY-MM-DDTHH:MM:SS with its offset, or empty",
        "ground": _choices(OrderGround),
        "person_status": _choices(PersonStatus),
        "revocation_ground": _choices(RevocationGround),
        "revocation_reference": f"at most {MAX_REVOCATION_REFERENCE} printable characters",
        "photographs": f"at most {MAX_PHOTOS_PER_RECORD} names, each once, of 1 to {MAX_NAME} printable characters",
        **{name: f"at most {most} printable characters" for name, most in SUBJECT_TEXTS.items()},
    }
)
"""The allowed content of each field, for the person who has to correct one."""

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_YEAR = re.compile(r"(18|19|20)\d{2}", re.ASCII)
_NIK = re.compile(r"\d{16}", re.ASCII)

_ISO_3166 = """
ABW AFG AGO AIA ALA ALB AND ARE ARG ARM ASM ATA ATF ATG AUS AUT AZE BDI BEL BEN BES BFA BGD BGR BHR BHS BIH BLM BLR BLZ
BMU BOL BRA BRB BRN BTN BVT BWA CAF CAN CCK CHE CHL CHN CIV CMR COD COG COK COL COM CPV CRI CUB CUW CXR CYM CYP CZE DEU
DJI DMA DNK DOM DZA ECU EGY ERI ESH ESP EST ETH FIN FJI FLK FRA FRO FSM GAB GBR GEO GGY GHA GIB GIN GLP GMB GNB GNQ GRC
GRD GRL GTM GUF GUM GUY HKG HMD HND HRV HTI HUN IDN IMN IND IOT IRL IRN IRQ ISL ISR ITA JAM JEY JOR JPN KAZ KEN KGZ KHM
KIR KNA KOR KWT LAO LBN LBR LBY LCA LIE LKA LSO LTU LUX LVA MAC MAF MAR MCO MDA MDG MDV MEX MHL MKD MLI MLT MMR MNE MNG
MNP MOZ MRT MSR MTQ MUS MWI MYS MYT NAM NCL NER NFK NGA NIC NIU NLD NOR NPL NRU NZL OMN PAK PAN PCN PER PHL PLW PNG POL
PRI PRK PRT PRY PSE PYF QAT REU ROU RUS RWA SAU SDN SEN SGP SGS SHN SJM SLB SLE SLV SMR SOM SPM SRB SSD STP SUR SVK SVN
SWE SWZ SXM SYC SYR TCA TCD TGO THA TJK TKL TKM TLS TON TTO TUN TUR TUV TWN TZA UGA UKR UMI URY USA UZB VAT VCT VEN VGB
VIR VNM VUT WLF WSM YEM ZAF ZMB ZWE
"""

_ICAO_9303 = "EUE GBD GBN GBO GBP GBS RKS UNA UNK UNO XAA XBA XCC XCE XCO XDC XEC XES XMP XOM XPO XXA XXB XXC XXX"

COUNTRY_CODES = frozenset((_ISO_3166 + _ICAO_9303).split())
"""Codes of countries and nationalities: ISO 3166-1 alpha-3, and what ICAO Doc 9303-3 (8th edition), section 5, adds."""


_Choice = TypeVar("_Choice", OrderGround, PersonStatus, RevocationGround)


class RecordError(CekalwatchError):
    """RECORD_INVALID, with the field that is missing or cannot be read."""

    def __init__(self, field: str, readings: tuple[str, ...] = ()) -> None:
        """`readings`: the days that an ambiguous date can mean."""
        super().__init__(Code.RECORD_INVALID, field)
        self.field = field
        self.readings = readings
        self.faults: tuple[FieldFault, ...] = ()
        """All faults of the record, with the values that its source has; only where these are known."""


@dataclass(frozen=True)
class SuppliedFace(PicturedFace):
    """A face and its template that the source sends with a photograph, made by a server with the same model."""

    model_version: str
    template: bytes
    """Little-endian float32 numbers, of length 1 together."""


@dataclass(frozen=True)
class Photograph:
    """A photograph of a record: its bytes, or the reason why they cannot be had."""

    name: str
    data: bytes = b""
    problem: Code | None = None
    enrolled: SuppliedFace | None = None
    """With that, nothing is made of it here, if the model is the same."""


@dataclass(frozen=True)
class ImportRecord:
    """One order to import.

    Raises RecordError for keys that `check_keys` refuses, and for too many photographs or photographs with the same
    name.
    """

    subject: Subject
    order: BanOrder
    photographs: tuple[Photograph, ...] = ()
    replaces: str | None = None
    """Digest of the order's expected stored content, empty for a new order; a record that differs is refused with
    ORDER_CHANGED. None: any content."""

    def __post_init__(self) -> None:
        check_keys(self.subject, self.order)
        photo_names([photograph.name for photograph in self.photographs], most=MAX_REFERENCES)


def check_keys(subject: Subject, order: BanOrder) -> None:
    """Raise RecordError when the order belongs to another person, or a key is a name or a number of the person.

    Keys are not sealed, and remain in the audit trail permanently.
    """
    if order.subject_id != subject.subject_id:
        raise RecordError("subject_id")
    numbers = [document.number for document in subject.travel_documents]
    personal = {text.casefold() for text in (subject.name, *subject.aliases, subject.nik, *numbers) if text}
    for field, value in (("subject_id", subject.subject_id), ("order_id", order.order_id)):
        if value.casefold() in personal:
            raise RecordError(field)


def build_subject(
    *,
    subject_id: str,
    name: str,
    aliases: Sequence[str] = (),
    sex: str = "",
    date_of_birth: str = "",
    nationality: str = "",
    nik: str = "",
    travel_documents: Sequence[tuple[str, str, str]] = (),
    **texts: str,
) -> Subject:
    """Return the subject that the texts state; travel documents are (type, number, country). Raises RecordError.

    `texts` has the facts of `SUBJECT_TEXTS`.
    """
    if len(aliases) > MAX_ALIASES:
        raise RecordError("aliases")
    if len(travel_documents) > MAX_DOCUMENTS:
        raise RecordError("travel_documents")
    if sex not in {"", "M", "F", "X"}:
        raise RecordError("sex")
    if nik and not _NIK.fullmatch(nik):
        raise RecordError("nik")
    if date_of_birth and not _YEAR.fullmatch(date_of_birth):
        _day("date_of_birth", date_of_birth)
    return Subject(
        subject_id=key("subject_id", subject_id),
        name=_text("name", name, MAX_NAME, least=1),
        aliases=tuple(_text("aliases", alias, MAX_NAME, least=1) for alias in aliases),
        sex=sex,
        date_of_birth=date_of_birth,
        nationality=_country("nationality", nationality),
        nik=nik,
        travel_documents=tuple(
            TravelDocument(
                _text("travel_documents", kind, MAX_DOCUMENT_TEXT, least=1),
                _text("travel_documents", number, MAX_DOCUMENT_TEXT, least=1),
                _country("travel_documents", country),
            )
            for kind, number, country in travel_documents
        ),
        **{field: _text(field, value, SUBJECT_TEXTS[field]) for field, value in texts.items()},
    )


def build_order(
    *,
    order_id: str,
    subject_id: str,
    kind: str,
    requesting_agency: str,
    valid_from: str,
    valid_until: str,
    received_on: str,
    reason: str = "",
    decree_number: str = "",
    decree_date: str = "",
    urgent: bool = False,
    extends_order_id: str = "",
    revoked_at: datetime | None = None,
    ground: str = "",
    person_status: str = "",
    revocation_ground: str = "",
    revocation_reference: str = "",
) -> BanOrder:
    """Return the order that the texts state; dates are YYYY-MM-DD, `revoked_at` is aware. Raises RecordError.

    A ground or status that is not known is OTHER: an order is not refused for one.
    """
    if kind not in set(OrderKind):
        raise RecordError("kind")
    own = key("order_id", order_id)
    if own == EXAMPLE_ORDER_ID:
        raise RecordError("order_id")
    if revoked_at and revoked_at.year not in PLAUSIBLE_YEARS:
        raise RecordError("revoked_at")
    if extends_order_id == own:
        raise RecordError("extends_order_id")
    return BanOrder(
        order_id=own,
        subject_id=key("subject_id", subject_id),
        kind=OrderKind(kind),
        requesting_agency=_agency(requesting_agency),
        valid_from=_plausible_day("valid_from", valid_from),
        valid_until=_day("valid_until", valid_until),
        received_on=_plausible_day("received_on", received_on),
        reason=_text("reason", reason, MAX_REASON),
        decree_number=_text("decree_number", decree_number, MAX_SHORT_TEXT),
        decree_date=_day("decree_date", decree_date) if decree_date else None,
        urgent=urgent,
        extends_order_id=key("extends_order_id", extends_order_id) if extends_order_id else "",
        revoked_at=revoked_at,
        ground=_choice("ground", ground, OrderGround),
        person_status=_choice("person_status", person_status, PersonStatus),
        revocation_ground=_choice("revocation_ground", revocation_ground, RevocationGround),
        revocation_reference=_text("revocation_reference", revocation_reference, MAX_REVOCATION_REFERENCE),
    )


def key(field: str, value: str) -> str:
    """Return the key of an order or subject: 1 to 64 printable characters, without space at its ends."""
    if not 1 <= len(value) <= MAX_KEY or not value.isprintable() or value != value.strip():
        raise RecordError(field)
    return value


def photo_names(names: Sequence[str], most: int = MAX_PHOTOS_PER_RECORD) -> tuple[str, ...]:
    """Return the names of a record's photographs: each once, of 1 to 200 printable characters. Raises RecordError."""
    if len(names) > most or len(set(names)) < len(names):
        raise RecordError("photographs")
    if not all(1 <= len(name) <= MAX_NAME and name.isprintable() for name in names):
        raise RecordError("photographs")
    return tuple(names)


def _text(field: str, value: str, most: int, *, least: int = 0) -> str:
    """Return a text for people: its spaces and line breaks made one space each, in Unicode's composed form."""
    clean = " ".join(value.split())
    # Composing takes the square of the length of a row of accents. It leaves at least a third of a text.
    clean = unicodedata.normalize("NFC", clean) if len(clean) <= 3 * most else clean
    if not least <= len(clean) <= most or not clean.isprintable():
        raise RecordError(field)
    return clean


def _agency(value: str) -> str:
    found = _text("requesting_agency", value, MAX_NAME, least=1)
    if not normalised(found):
        raise RecordError("requesting_agency")
    return found


def _choice(field: str, value: str, members: type[_Choice]) -> _Choice | None:
    """Return the member that a text means: none for no text, OTHER for an unknown one."""
    written = _text(field, value, MAX_SHORT_TEXT)
    if not written:
        return None
    meant = CHOICE_WORDS.get(written.casefold(), written.upper())
    return members(meant) if meant in set(members) else members("OTHER")


def _country(field: str, value: str) -> str:
    if value and value not in COUNTRY_CODES:
        raise RecordError(field)
    return value


def _day(field: str, value: str) -> date:
    # The standard library accepts more forms than the documented one.
    try:
        if _DAY.fullmatch(value):
            return date.fromisoformat(value)
    except ValueError:
        pass
    raise RecordError(field)


def _plausible_day(field: str, value: str) -> date:
    day = _day(field, value)
    if day.year not in PLAUSIBLE_YEARS:
        raise RecordError(field)
    return day
