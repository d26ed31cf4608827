"""Agencies that ask for bans, by code, with the other names that lists write for them."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from hashlib import sha256
from typing import Final

from cekalwatch.contract.values.agencies import MAX_AGENCY_MARK, NamedAgency


@dataclass(frozen=True)
class Agency(NamedAgency):
    """An agency that may ask for a ban. Raises ValueError without a code or a name."""

    def __post_init__(self) -> None:
        if not normalised(self.code) or not normalised(self.name):
            raise ValueError("an agency has a code and a name")

    @property
    def names(self) -> tuple[str, ...]:
        """All that stands for it in a list."""
        return (self.code, self.name, *self.other_names)

    @property
    def mark(self) -> str:
        """Stands for its names: another one as soon as somebody has changed them."""
        return sha256("\n".join(self.names).encode()).hexdigest()[:MAX_AGENCY_MARK]


@dataclass(frozen=True)
class Agencies:
    """The known agencies. Raises ValueError if two have the same name."""

    known: tuple[Agency, ...]
    """By code."""
    _codes: dict[str, str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "known", tuple(sorted(self.known, key=lambda agency: agency.code)))
        codes: dict[str, str] = {}
        for agency in self.known:
            for name in filter(None, map(normalised, agency.names)):
                if codes.setdefault(name, agency.code) != agency.code:
                    raise ValueError(f"{codes[name]} and {agency.code} have the same name {name!r}")
        object.__setattr__(self, "_codes", codes)

    def changed(self, put: Iterable[Agency], removed: Collection[str]) -> Agencies:
        """Return these agencies with those of `put` added or replaced, by code, and without the `removed` codes.

        A name stands for the first agency that has it, and those of `put` come first: others lose it, and an agency
        without its code or name is left out.
        """
        taken: set[str] = set()
        found: list[Agency] = []
        gone = set(removed)
        for agency in (*put, *(one for one in self.known if one.code not in gone)):
            if {normalised(agency.code), normalised(agency.name)} & taken:
                continue
            others = tuple(name for name in agency.other_names if normalised(name) not in taken)
            found.append(replace(agency, other_names=others))
            taken |= set(map(normalised, found[-1].names))
        return Agencies(tuple(found))

    def code_of(self, text: str) -> str | None:
        """Return the code of the agency that `text` names; None if no known agency has that name."""
        return self._codes.get(normalised(text))

    def key_of(self, text: str) -> str:
        """Return what is equal for two spellings of one agency, known or not."""
        name = normalised(text) or text.strip()  # of "-" nothing is left: it is compared as it is written
        return self._codes.get(name) or name

    def same(self, names: Iterable[str]) -> bool:
        """Whether all these names stand for one agency."""
        return len(set(map(self.key_of, names))) <= 1


@lru_cache(maxsize=10_000)
def normalised(text: str) -> str:
    """Return a name without case, punctuation, and "RI" or "Republik Indonesia"."""
    plain = "".join(letter if letter.isalnum() else " " for letter in text.replace(".", "").casefold())
    words = f" {' '.join(plain.split())} ".replace(" republik indonesia ", " ").split()
    return " ".join(word for word in words if word != "ri")


KNOWN_AGENCIES: Final = Agencies(
    (
        Agency("KEJAGUNG", "Kejaksaan Agung", ("Jaksa Agung", "Kejaksaan", "Attorney General's Office")),
        Agency("KPK", "Komisi Pemberantasan Korupsi", ("Komisi Pemberantasan Korupsi (KPK)",)),
        Agency(
            "POLRI",
            "Kepolisian Negara Republik Indonesia",
            (
                "Polri",
                "Kepolisian",
                "Kepolisian RI",
                "Kepolisian Negara",
                "Bareskrim",
                "Bareskrim Polri",
                "Mabes Polri",
            ),
        ),
        Agency("KEMENKEU", "Kementerian Keuangan", ("Menteri Keuangan", "Kemenkeu")),
        Agency("DJP", "Direktorat Jenderal Pajak", ("Ditjen Pajak", "Dirjen Pajak")),
        Agency("DJBC", "Direktorat Jenderal Bea dan Cukai", ("Ditjen Bea dan Cukai", "Bea Cukai", "Bea dan Cukai")),
        Agency("DJKN", "Direktorat Jenderal Kekayaan Negara", ("Ditjen Kekayaan Negara", "PUPN")),
        Agency("IMIGRASI", "Direktorat Jenderal Imigrasi", ("Ditjen Imigrasi", "Dirjen Imigrasi")),
        Agency("KEMENIMIPAS", "Kementerian Imigrasi dan Pemasyarakatan", ("Menteri Imigrasi dan Pemasyarakatan",)),
        Agency("BNN", "Badan Narkotika Nasional"),
        Agency("BNPT", "Badan Nasional Penanggulangan Terorisme"),
        Agency("BIN", "Badan Intelijen Negara"),
        Agency("TNI", "Tentara Nasional Indonesia"),
        Agency("BPK", "Badan Pemeriksa Keuangan"),
        Agency("OJK", "Otoritas Jasa Keuangan"),
        Agency("KEMENLU", "Kementerian Luar Negeri", ("Menteri Luar Negeri",)),
    )
)
"""The agencies that this version knows."""
