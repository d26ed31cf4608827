"""Which server a client chooses, and which when that one is lost."""

from __future__ import annotations

from collections import Counter

from cekalwatch.wire.dialer import ServerChoice

THREE = ("a:1", "b:1", "c:1")


def test_clients_spread_evenly_and_so_do_those_of_a_server_that_dies() -> None:
    choices = [ServerChoice(THREE, f"gate-{number}") for number in range(3000)]
    first = Counter(choice.address for choice in choices)
    assert all(900 < first[address] < 1100 for address in THREE)
    orphans = [choice for choice in choices if choice.address == "a:1"]
    for choice in orphans:
        choice.lost("a:1")
    second = Counter(choice.address for choice in orphans)
    assert set(second) == {"b:1", "c:1"}
    assert all(400 < count < 600 for count in second.values())


def test_a_device_has_one_order_whatever_the_order_of_its_settings() -> None:
    assert ServerChoice(THREE, "gate-1").addresses == ServerChoice(THREE[::-1], "gate-1").addresses


def test_all_are_tried_before_one_is_tried_again() -> None:
    choice = ServerChoice(THREE, "gate-1")
    tried = []
    for _ in range(3):
        tried.append(choice.address)
        choice.lost(choice.address)
    assert sorted(tried) == sorted(THREE)
    assert choice.address in THREE


def test_what_was_just_lost_is_not_tried_next() -> None:
    choice = ServerChoice(THREE, "gate-1")
    for _ in range(20):
        lost = choice.address
        choice.lost(lost)
        assert choice.address != lost


def test_it_goes_home_when_it_loses_the_server_that_it_went_to_and_not_before() -> None:
    choice = ServerChoice(THREE, "gate-1")
    home = choice.address
    choice.lost(home)
    away = choice.address
    choice.reached(away)
    assert choice.address == away
    choice.lost(away)
    assert choice.address == home


def test_a_loss_that_two_threads_report_counts_once() -> None:
    choice = ServerChoice(THREE, "pc-1")
    home = choice.address
    choice.lost(home)
    away = choice.address
    choice.lost(home)
    assert choice.address == away


def test_the_only_server_stays() -> None:
    choice = ServerChoice(("a:1",), "gate-1")
    choice.lost("a:1")
    choice.lost("a:1")
    assert choice.address == "a:1"
