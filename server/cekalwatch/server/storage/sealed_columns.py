"""Which columns are sealed, and the type that such columns have.

A new one belongs in `SEALED`, so that its values follow when the data key changes; a test compares.
"""

from __future__ import annotations

from cekalwatch.server.encryption.associated_data import AssociatedData

SUBJECT_FACTS = AssociatedData("subject", "facts")
ORDER_FACTS = AssociatedData("ban_order", "facts")
PHOTO_SHA256 = AssociatedData("reference_face", "photo_sha256")
PHOTO = AssociatedData("reference_picture", "photo")
FACE_JPEG = AssociatedData("reference_picture", "face_jpeg")
TEMPLATE = AssociatedData("template", "vector")
PROBE_JPEG = AssociatedData("probe", "jpeg")
FINDING_FACTS = AssociatedData("alert_finding", "facts")
FOLLOW_UP_FACTS = AssociatedData("alert_follow_up", "facts")

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

ORDER_CONTENT = AssociatedData("ban_order", "content_hash")
PHOTO_DIGEST = AssociatedData("reference_face", "photo_digest")
"""Digests, which are keyed but not sealed, because rows are found by them."""
