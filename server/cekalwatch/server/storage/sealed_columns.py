"""Which columns are sealed, and the type that such columns have.

A new one belongs in `SEALED`, so that its values follow when the data key changes; a test compares.
"""

from __future__ import annotations

from cekalwatch.server.encryption.associated_data import Place

SUBJECT_FACTS = Place("subject", "facts")
ORDER_FACTS = Place("ban_order", "facts")
PHOTO_SHA256 = Place("reference_face", "photo_sha256")
PHOTO = Place("reference_picture", "photo")
FACE_JPEG = Place("reference_picture", "face_jpeg")
TEMPLATE = Place("template", "vector")
PROBE_JPEG = Place("probe", "jpeg")
FINDING_FACTS = Place("alert_finding", "facts")
FOLLOW_UP_FACTS = Place("alert_follow_up", "facts")

SEALED = (
    SUBJECT_FACTS,
    ORDER_FACTS,
    PHOTO_SHA256,
    PHOTO,
    FACE_JPEG,
    TEMPLATE,
    PROBE_JPEG,
    FINDING_FACTS,
    FOLLOW_UP_FACTS,
)

ORDER_CONTENT = Place("ban_order", "content_hash")
PHOTO_DIGEST = Place("reference_face", "photo_digest")
"""Digests, which are keyed but not sealed, because rows are found by them."""
