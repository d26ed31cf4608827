"""Reads and writes what orders are judged by: the agencies, the rows of the law, and what these do to orders."""

from __future__ import annotations

from contextlib import suppress
from datetime import date

from cekalwatch.contract.engine.codec import Codec, Converter
from cekalwatch.contract.values.agencies import AgencyChange, AgencyList, KeptAgencies, ListedAgency
from cekalwatch.contract.values.law import KeptLaw, LawChange, LawPreview, LawRow
from cekalwatch.v1 import agency_pb2, watchlist_service_pb2
from cekalwatch.v1 import law_pb2 as pb

_DAY = Converter(lambda content, _reading: date.fromisoformat(content), date.isoformat)
LAW_ROW = Codec(LawRow, pb.LawRow, special={"holds_from": _DAY})
LAW_PREVIEW = Codec(LawPreview, pb.LawPreview, parts=(Codec(LawChange, pb.LawChange, names={"at": "change_time"}),))
AGENCY = Codec(ListedAgency, agency_pb2.Agency)
AGENCY_LIST = Codec(AgencyList, agency_pb2.AgencyList, parts=(AGENCY,))
AGENCY_CHANGE = Codec(AgencyChange, watchlist_service_pb2.PutAgencyRequest)
KEPT_AGENCIES = Codec(KeptAgencies, watchlist_service_pb2.ListAgenciesResponse)
KEPT_LAW = Codec(KeptLaw, watchlist_service_pb2.GetLawResponse, parts=(LAW_ROW,))


def understood_rows(told: pb.LawRows) -> tuple[LawRow, ...]:
    """Return the rows that this version understands; a newer one may have figures that it does not know."""
    rows = []
    for row in told.rows:
        with suppress(ValueError):
            rows.append(LAW_ROW.read(row))
    return tuple(rows)
