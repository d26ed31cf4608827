"""Reads and writes problems (called troubles on the wire), and the messages of their subscribers."""

from __future__ import annotations

from cekalwatch.contract.engine.codec import Codec
from cekalwatch.contract.engine.one_of import OneOf
from cekalwatch.contract.values.troubles import OpenTroubles, Trouble, TroubleNews
from cekalwatch.v1 import trouble_pb2
from cekalwatch.v1 import trouble_service_pb2 as pb

TROUBLE = Codec(
    Trouble,
    trouble_pb2.Trouble,
    names={"began_at": "begin_time", "ended_at": "end_time", "acknowledged_at": "acknowledge_time"},
)
NEWS: OneOf[TroubleNews, pb.WatchTroublesResponse] = OneOf(
    pb.WatchTroublesResponse,
    {"open": Codec(OpenTroubles, pb.OpenTroubles, parts=(TROUBLE,)), "changed": TROUBLE},
)
"""Empty if only the server's clock is sent, because nothing has changed for a while."""
