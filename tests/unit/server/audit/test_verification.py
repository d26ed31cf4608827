"""Whatever is done to a chain is found, and the entry concerned is named first."""

from __future__ import annotations

from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from cekalwatch.contract.values.audit import TrailProblem, TrailProblemKind
from cekalwatch.server.audit.entry import GENESIS, Link, link
from cekalwatch.server.storage.audit.trail_check import Anchor, ChainCheck, broken
from tests.support.builders.audit import chain, entry

MOST = 12
CHAINS = [chain(length) for length in range(MOST + 1)]
lengths = st.integers(1, MOST)
letters = st.sampled_from("\0 0afxZ{}[]\",:'ä€\ud800")


def found(links: list[Link], *anchors: Anchor) -> list[TrailProblem]:
    return list(ChainCheck(anchors).breaks(sorted(links, key=lambda one: one.sequence)))


def end_of(links: list[Link]) -> Anchor:
    return Anchor(links[-1].sequence, links[-1].hash, "a checkpoint")


def renumbered(links: list[Link]) -> list[Link]:
    return [one._replace(sequence=number) for number, one in enumerate(links, 1)]


def names(first: TrailProblem, *sequences: int) -> bool:
    return any(first.first <= sequence <= first.last for sequence in sequences)


@given(st.integers(0, MOST))
def test_a_whole_chain_has_nothing_to_tell(length: int):
    links = CHAINS[length]
    assert found(links, *map(end_of, [links] if links else [])) == []


@given(lengths, st.data())
def test_any_change_of_an_entry_is_found_and_named(length: int, data: st.DataObject):
    links = list(CHAINS[length])
    place = data.draw(st.integers(0, length - 1))
    field = data.draw(st.sampled_from(Link._fields))
    old = getattr(links[place], field)
    if field == "sequence":
        new: Any = data.draw(st.integers(-5, 2**62))
        assume(new not in range(1, length + 1))
    else:
        # A random text, or one letter of the old one put in another's place.
        letter = data.draw(st.integers(0, len(old) - 1))
        new = data.draw(st.text(letters) | letters.map(lambda other: old[:letter] + other + old[letter + 1 :]))
        assume(new != old)
    links[place] = links[place]._replace(**{field: new})
    breaks = found(links, end_of(CHAINS[length]))
    assert names(breaks[0], CHAINS[length][place].sequence, links[place].sequence), breaks


@given(lengths, st.data(), st.booleans())
def test_any_removal_is_found_and_named(length: int, data: st.DataObject, cover_up: bool):
    links = list(CHAINS[length])
    place = data.draw(st.integers(0, length - 1))
    del links[place]
    breaks = found(renumbered(links) if cover_up else links, end_of(CHAINS[length]))
    assert names(breaks[0], place + 1), breaks
    if not cover_up:
        kind = TrailProblemKind.CUT_OFF if place == length - 1 else TrailProblemKind.MISSING
        assert [(one.kind, one.first, one.last) for one in breaks] == [(kind, place + 1, place + 1)]


@given(lengths, st.data(), st.booleans())
def test_any_insertion_is_found_and_named(length: int, data: st.DataObject, forged: bool):
    """A forged entry follows the one before it as it should, which whoever knows how hashes are made can do."""
    links = list(CHAINS[length])
    place = data.draw(st.integers(0, length - 1))
    previous = links[place - 1].hash if place else GENESIS
    alien = link(entry(99), place + 1, previous) if forged else data.draw(st.sampled_from(links))
    as_duplicate = [*links, alien._replace(sequence=place + 1)]
    assert names(found(as_duplicate, end_of(links))[0], place + 1)
    links.insert(place, alien)
    breaks = found(renumbered(links), end_of(CHAINS[length]))
    # A copy beside its original cannot be told from it.
    twins = [number for number, one in enumerate(links, 1) if one.hash == alien.hash]
    assert names(breaks[0], place + 1, *twins), breaks


@given(st.integers(2, MOST), st.data())
def test_any_swap_is_found_and_both_are_named(length: int, data: st.DataObject):
    links = list(CHAINS[length])
    low, high = sorted(data.draw(st.lists(st.integers(0, length - 1), min_size=2, max_size=2, unique=True)))
    links[low], links[high] = links[high], links[low]
    breaks = found(renumbered(links))
    assert names(breaks[0], low + 1), breaks
    assert high - low == 1 or any(names(one, high + 1) for one in breaks), breaks


@given(st.integers(2, MOST), st.data())
def test_a_history_written_anew_is_found_by_a_checkpoint(length: int, data: st.DataObject):
    """Each later hash is made again, so that the chain itself is whole."""
    place = data.draw(st.integers(0, length - 1))
    links = list(CHAINS[length][:place])
    for number in range(place + 1, length + 1):
        links.append(link(entry(number + 50), number, links[-1].hash if links else GENESIS))
    assert found(links) == []
    breaks = found(links, end_of(CHAINS[length]))
    assert [(one.kind, one.first) for one in breaks] == [(TrailProblemKind.REWRITTEN, length)]


@given(lengths, st.data())
def test_a_cut_tail_is_found_by_a_checkpoint_and_not_without(length: int, data: st.DataObject):
    kept = data.draw(st.integers(0, length - 1))
    links = CHAINS[length][:kept]
    assert found(links) == []
    breaks = found(links, end_of(CHAINS[length]))
    assert [(one.kind, one.first, one.last) for one in breaks] == [(TrailProblemKind.CUT_OFF, kept + 1, length)]


def test_two_things_done_at_two_places_are_both_named():
    links = chain(10)
    links[2] = links[2]._replace(outcome="REFUSED")
    del links[7]
    assert [(one.kind, one.first) for one in found(links)] == [
        (TrailProblemKind.CHANGED, 3),
        (TrailProblemKind.MISSING, 8),
    ]


def test_a_break_reads_as_a_sentence():
    assert str(broken(TrailProblemKind.MISSING, 4, 6)) == "entries 4 to 6 are missing"
    assert str(broken(TrailProblemKind.CUT_OFF, 9, 9, "the checkpoint of today")) == (
        "entry 9 is missing at the end of the trail, although it was noted in the checkpoint of today"
    )
