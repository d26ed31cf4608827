"""A source's rows become records as the mapping says."""

from __future__ import annotations

import pytest

from cekalwatch.server.watchlist.sources.mapping import RecordMapper
from cekalwatch.server.watchlist.sources.mapping_settings import FIELDS, MappingSettings
from tests.support.builders.watchlist import WIB


@pytest.mark.parametrize(
    ("written", "birth"), [("19800131", "1980-01-31"), (19800131, "1980-01-31"), ("1980", "1980"), (1980, "1980")]
)
def test_a_day_in_digits_alone_is_no_year(written: object, birth: str) -> None:
    row = dict.fromkeys(FIELDS, "") | {
        "order_id": "C-1",
        "subject_id": "S-1",
        "kind": "CEGAH",
        "requesting_agency": "Kejaksaan Agung",
        "valid_from": "20260301",
        "valid_until": 20260831,
        "received_on": "20260228",
        "name": "Contoh Satu",
        "date_of_birth": written,
    }
    mapped = RecordMapper(MappingSettings(date_formats=("%Y%m%d",)), WIB).read(row)
    assert mapped.subject.date_of_birth == birth
