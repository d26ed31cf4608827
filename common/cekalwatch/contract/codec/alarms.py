"""Reads and writes alarms (called troubles on the wire), and the messages of their subscribers."""

from __future__ import annotations

from cekalwatch.contract.engine.codec import Codec
from cekalwatch.contract.engine.one_of import OneOf
from cekalwatch.contract.values.alarms import Alarm, AlarmNews, OpenAlarms
from cekalwatch.v1 import trouble_pb2
from cekalwatch.v1 import trouble_service_pb2 as pb

ALARM = Codec(
    Alarm,
    trouble_pb2.Trouble,
    names={
        "alarm_id": "trouble_id",
        "began_at": "begin_time",
        "ended_at": "end_time",
        "acknowledged_at": "acknowledge_time",
    },
)
NEWS: OneOf[AlarmNews, pb.WatchTroublesResponse] = OneOf(
    pb.WatchTroublesResponse,
    {"open": Codec(OpenAlarms, pb.OpenTroubles, names={"alarms": "troubles"}, parts=(ALARM,)), "changed": ALARM},
)
"""Empty if only the server's clock is sent, because nothing has changed for a while."""
