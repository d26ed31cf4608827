"""Values with which a camera's and an importer's messages are accepted, by field name; see `messages`."""

from __future__ import annotations

import uuid6
from google.protobuf.timestamp_pb2 import Timestamp

from cekalwatch.wire.vocabulary import capture
from tests.support.builders.alerts import NOON
from tests.support.builders.messages import Usual

RUN = str(uuid6.uuid7())
POINT = {"x": 10.0, "y": 12.0}
LANDMARKS = dict.fromkeys(capture.LANDMARKS, POINT)
SENT: Usual = {
    "capture_id": [str(uuid6.uuid7())],
    "track_id": ["1"],
    "run_id": [RUN],
    "client_version": ["1.0"],
    "detector": ["starter"],
    "camera_id": ["dep-1"],
    "capture_time": [Timestamp(seconds=int(NOON.timestamp()))],
    "landmarks": [LANDMARKS],
    "detector_score": [0.9],
    "quality": [{"score": 0.5}],
    "reason": ["the client stops"],
}
RECORD: Usual = {
    "subject_id": ["S-1"],
    "name": ["Contoh Satu"],
    "aliases": [["Satu"]],
    "sex": ["M", ""],
    "date_of_birth": ["1970", "1970-01-02"],
    "nationality": ["IDN", "SGP"],
    "nik": ["1234567890123456", ""],
    "travel_documents": [[], [{"type": "passport", "number": "X1", "issuing_country": "SGP"}]],
    "place_of_birth": ["Batam"],
    "address": [""],
    "occupation": [""],
    "order_id": ["O-1"],
    "kind": [1, 2],
    "decree_number": ["K-1", ""],
    "decree_date": ["2026-01-01", ""],
    "requesting_agency": ["Kejaksaan Agung"],
    "reason": [""],
    "valid_from": ["2026-01-01", "1900-01-01", "2200-12-31"],
    "valid_until": ["2026-06-30", "9999-12-31"],
    "received_on": ["2026-01-01", "1900-01-01"],
    "extends_order_id": ["", "O-0"],
    "revoked_time": [Timestamp(seconds=253_402_300_799), Timestamp(seconds=-62_135_596_800), Timestamp(seconds=10**9)],
    "photo_names": [[], ["a.jpg", "b.jpg"]],
}
