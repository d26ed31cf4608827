"""The port has the list that the centre has: the same people, standing orders and photographs; and it searches them."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.chaos.sites.installation import Installation
from benchmarks.chaos.sites.running_site import RunningSite
from cekalwatch.contract.values.subjects import Subject
from cekalwatch.server.domain.orders.ban_order import BanOrder, SubjectFile
from cekalwatch.server.storage.watchlist.store import WatchlistStore

MOST_LISTED = 1000


@dataclass(frozen=True)
class ListedPerson:
    """Somebody with an order that stands."""

    subject: Subject
    orders: frozenset[BanOrder]
    photographs: frozenset[str]
    """By their SHA-256."""

    @classmethod
    def of(cls, file: SubjectFile) -> ListedPerson:
        """Leave out what each site has of its own."""
        standing = frozenset(order for order in file.orders if order.withdrawn_at is None)
        return cls(file.subject, standing, frozenset(one.photo_sha256 for one in file.references))


def missing(there: Installation) -> list[str]:
    """Say how the port's list is not the centre's yet. Raises StorageError when the database is away."""
    found = differences(_listed(there.centre), _listed(there.port))
    if (here := there.port.searched()) != (above := there.centre.searched()):
        found.append(f"the port searches {here} subjects, and the centre {above}")
    return found


def differences(centre: dict[str, ListedPerson], port: dict[str, ListedPerson]) -> list[str]:
    """Say who is on one list and not on the other, or not alike."""
    found = [f"{key} is on the list of the centre, and not of the port" for key in centre.keys() - port.keys()]
    found += [f"{key} is on the list of the port, and not of the centre" for key in port.keys() - centre.keys()]
    unlike = [key for key in centre.keys() & port.keys() if centre[key] != port[key]]
    return sorted(found + [f"{key} is not on both lists alike" for key in unlike])


def _listed(site: RunningSite) -> dict[str, ListedPerson]:
    database = site.database()
    assert database.guard is not None
    try:
        files = WatchlistStore(database, database.guard.keyring).list_subjects("", MOST_LISTED)
    finally:
        database.close()
    listed = {file.subject.subject_id: ListedPerson.of(file) for file in files}
    return {key: one for key, one in listed.items() if one.orders}
