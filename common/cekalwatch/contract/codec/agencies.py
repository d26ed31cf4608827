"""Reads and writes agencies that ask for bans."""

from __future__ import annotations

from cekalwatch.contract.engine.codec import Codec
from cekalwatch.contract.values.agencies import AgencyList, ListedAgency
from cekalwatch.v1 import agency_pb2 as pb

AGENCY = Codec(ListedAgency, pb.Agency)
AGENCY_LIST = Codec(AgencyList, pb.AgencyList, parts=(AGENCY,))
