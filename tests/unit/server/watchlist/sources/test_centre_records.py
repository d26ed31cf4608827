"""What a centre gives is read as it stands, or refused; nothing that it gives is believed."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import date
from typing import Any

import numpy as np
import pytest

from cekalwatch.contract.values.subjects import ReferenceFace
from cekalwatch.server.domain.orders.ban_order import SubjectFile
from cekalwatch.server.foundation.errors import Code
from cekalwatch.server.grpc_api.servicers.watchlist.list_feed import listed_subject, reference_pieces
from cekalwatch.server.storage.watchlist.list_feed import ChangedSubject, StoredReference
from cekalwatch.server.watchlist.imports.records import Photograph
from cekalwatch.server.watchlist.sources.centre.records import photographs, subject_items
from cekalwatch.server.watchlist.sources.source import (
    DeletedSubject,
    OfferedOrder,
    RefusedRow,
    SourceItem,
    SourceMisconfigured,
    WithdrawnOthers,
)
from cekalwatch.v1 import list_feed_service_pb2 as pb
from cekalwatch.wire.bounds import PHOTO_CHUNK_BYTES
from tests.support.builders.portraits import astronaut
from tests.support.builders.watchlist import figures, order, subject
from tests.support.scenarios.server import jpeg

PHOTO = b"a photograph" * 20_000
"""Of two pieces."""
DIGEST = hashlib.sha256(PHOTO).hexdigest()
FACE = ReferenceFace("R-1", DIGEST, figures(), ("NOT_FRONTAL",), "S-1")
TEMPLATE = np.eye(8, dtype="<f4")[0].tobytes()
MODEL = "test-00000000"


def listed(file: SubjectFile | None, *, held: bool = True) -> pb.ListedSubject:
    return listed_subject(ChangedSubject(7, "S-1", file, held))


def items(message: pb.ListedSubject, given: Sequence[Photograph] = ()) -> list[SourceItem]:
    return subject_items(message, lambda _key, _wanted: tuple(given))


def pieces(**changes: object) -> list[pb.FetchReferencesResponse]:
    usual: dict[str, Any] = {"face": FACE, "photo": PHOTO, "face_jpeg": jpeg(astronaut(0.2)), "template": TEMPLATE}
    return list(reference_pieces(StoredReference(**usual | changes)))


def wanted(digest: str = DIGEST, key: str = "R-1") -> list[pb.ListedReference]:
    return [pb.ListedReference(reference_id=key, photo_sha256=digest)]


def test_a_subject_comes_with_its_orders_and_the_first_one_has_the_photographs() -> None:
    file = SubjectFile(subject(), (order("O-2"), order("O-1", urgent=True, urgent_since=date(2025, 12, 1))), (FACE,))
    photo = Photograph("R-1", PHOTO)
    first, second, others = items(listed(file), [photo])
    assert isinstance(first, OfferedOrder)
    assert isinstance(second, OfferedOrder)
    assert others == WithdrawnOthers("S-1", frozenset({"O-1", "O-2"}))
    record = first.load()
    assert (record.subject, record.order, record.photographs) == (file.subject, file.orders[1], (photo,))
    assert (second.load().order, second.load().photographs) == (file.orders[0], ())


def test_fingerprints_change_with_the_facts_and_the_photographs_only() -> None:
    def prints(*faces: ReferenceFace, name: str = "Contoh Satu") -> list[str]:
        file = SubjectFile(subject(name=name), (order("O-1"), order("O-2")), faces)
        return [one.fingerprint for one in items(listed(file)) if isinstance(one, OfferedOrder)]

    assert prints(FACE) == prints(FACE)
    assert prints(FACE)[0] != prints()[0]
    assert prints(FACE)[1] == prints()[1]
    assert not set(prints(FACE)) & set(prints(FACE, name="Contoh Dua"))


def test_what_is_gone_and_what_cannot_be_read_are_not_the_same() -> None:
    assert items(listed(None, held=False)) == [DeletedSubject("S-1")]
    (unread,) = items(listed(None))
    assert isinstance(unread, RefusedRow)
    assert not unread.keyed
    partly = items(listed(SubjectFile(subject(), (order("O-1"),), (), unreadable=1)))
    assert [type(one) for one in partly] == [OfferedOrder, RefusedRow]


@pytest.mark.parametrize("broken", ["order", "subject", "other subject", "urgent since"])
def test_an_order_that_cannot_be_read_is_refused_under_its_key_and_stands(broken: str) -> None:
    message = listed(SubjectFile(subject(), (order("O-1"),), ()))
    match broken:
        case "order":
            message.orders[0].order.valid_from = "yesterday"
        case "subject":
            message.subject.nik = "12"
        case "other subject":
            message.subject.subject_id = "S-2"
        case _:
            message.orders[0].urgent_since = "once"
    refused, others = items(message)
    assert isinstance(refused, RefusedRow)
    assert (refused.keyed, refused.report.order_id) == (True, "O-1")
    assert others == WithdrawnOthers("S-1", frozenset({"O-1"}))


def test_a_photograph_comes_in_pieces_with_what_was_made_of_it() -> None:
    assert len(pieces()) == -(-len(PHOTO) // PHOTO_CHUNK_BYTES) > 1
    (photo,) = photographs(wanted(), pieces(), MODEL)
    assert (photo.name, photo.data, photo.problem) == ("R-1", PHOTO, None)
    assert photo.enrolled
    assert (photo.enrolled.model_version, photo.enrolled.template) == (MODEL, TEMPLATE)
    assert photo.enrolled.warnings == ("NOT_FRONTAL",)
    assert photo.enrolled.figures.eye_distance_px == pytest.approx(figures().eye_distance_px)


def test_a_photograph_that_did_not_come_is_missing() -> None:
    assert photographs(wanted(), [], MODEL) == (Photograph("R-1", problem=Code.PHOTO_MISSING),)


@pytest.mark.parametrize(
    "changes",
    [
        {"template": b""},
        {"template": b"\0" * 32},
        {"template": TEMPLATE[:-1]},
        {"template": np.full(8, np.nan, dtype="<f4").tobytes()},
        {"face_jpeg": b"no picture"},
        {"face_jpeg": jpeg(astronaut(0.2)) + b"more"},
        {"face": ReferenceFace("R-1", DIGEST, figures(sharpness=float("nan")))},
    ],
)
def test_what_cannot_be_used_of_it_is_made_here(changes: dict[str, object]) -> None:
    (photo,) = photographs(wanted(), pieces(**changes), MODEL)
    assert (photo.data, photo.enrolled) == (PHOTO, None)


@pytest.mark.parametrize("case", ["half", "no beginning", "another", "not asked for"])
def test_half_a_photograph_and_another_one_are_refused(case: str) -> None:
    given = {"half": pieces()[:-1], "no beginning": pieces()[1:], "another": pieces(photo=b"another")}.get(
        case, pieces()
    )
    asked = wanted(key="R-2") if case == "not asked for" else wanted()
    with pytest.raises(SourceMisconfigured, match=r"see that both have one version$"):
        photographs(asked, given, MODEL)
