"""The calls about the list that take more than one step, or several forms of a request. Errors stay grpc.RpcError."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from google.protobuf.message import Message

from cekalwatch.contract.calls import watchlist
from cekalwatch.contract.codec.imports import CORRECTION
from cekalwatch.contract.codec.listed_subjects import AMENDMENT_REASONS, WATCHLIST_FILTER
from cekalwatch.contract.codec.watchlist import REVOCATION_GROUNDS
from cekalwatch.contract.engine.call import Asked
from cekalwatch.contract.values.imports import CellCorrection
from cekalwatch.contract.values.orders import RevocationGround
from cekalwatch.contract.values.watchlist import AmendmentReason, ListedSubject, SubjectTimeline, WatchlistFilter
from cekalwatch.office.client.service_client import ServiceClient
from cekalwatch.v1 import watchlist_service_pb2 as pb


class SubjectClient(ServiceClient):
    """A list manager's calls. It may be used from several threads."""

    def page(self, wanted: WatchlistFilter, day: str, size: int, token: str = "") -> tuple[list[ListedSubject], str]:
        """Return at most `size` subjects with their state on `day`, and the token of the next page; empty without one.

        The day is ISO 8601, empty: now. A page may be empty though there is a next one: the server searches a limited
        number of subjects at a time.
        """
        query = WATCHLIST_FILTER.write(wanted)
        asked = watchlist.LIST_SUBJECTS(page_size=size, page_token=token, filter=query, on_day=day)
        found, more = self.ask(asked)
        return list(found), more

    def one(self, key: str, pictures: Sequence[str] = ()) -> ListedSubject:
        """Return one subject, with these pictures, or those of its best photographs: one view of it."""
        return self.ask(watchlist.GET_SUBJECT(subject_id=key, include_photos=not pictures, photo_references=pictures))

    def picture(self, key: str, reference_id: str) -> bytes:
        """Return the picture of one of a subject's reference faces; empty when there is none."""
        found = self.ask(watchlist.GET_SUBJECT(subject_id=key, photo_references=[reference_id]))
        return next((one.jpeg for one in found.references if one.reference_id == reference_id), b"")

    def faces(self, keys: Sequence[str]) -> dict[str, bytes]:
        """Return the small picture of each of these subjects that has one, at most 20; one view of all."""
        answer = self.ask(watchlist.LIST_SUBJECT_FACES(subject_ids=keys))
        return {one.subject_id: one.jpeg for one in answer.faces}

    def history(self, key: str) -> SubjectTimeline:
        """Return what happened to a subject."""
        return self.ask(watchlist.GET_SUBJECT_HISTORY(subject_id=key))


@dataclass(frozen=True)
class AmendedOrder:
    """An order as it was seen, and why it is amended."""

    subject_id: str
    order_id: str
    mark: str
    reason: AmendmentReason

    def correction(self, cells: Mapping[str, str]) -> Asked[None]:
        """Return what two people sign to store other facts; `cells` are those of a list's row, by column."""
        corrected = [CORRECTION.write(CellCorrection("", field, value)) for field, value in cells.items()]
        return self._joint(correction=pb.OrderCorrection(cells=corrected))

    def ending(self, ground: RevocationGround, reference: str) -> Asked[None]:
        """Return what two people sign to revoke the order now."""
        return self._joint(ending=pb.OrderEnding(ground=REVOCATION_GROUNDS.number(ground), reference=reference))

    def erasure(self) -> Asked[None]:
        """Return what two people sign to remove the order."""
        return self._joint(erasure=pb.OrderErasure())

    def _joint(self, **act: Message) -> Asked[None]:
        return watchlist.AMEND_ORDER(
            subject_id=self.subject_id,
            order_id=self.order_id,
            seen_mark=self.mark,
            reason=AMENDMENT_REASONS.number(self.reason),
            **act,  # type: ignore[arg-type]  # one of three messages
        )
