from __future__ import annotations

import threading

from cekalwatch.server.concurrency.batching import FairQueue


def test_who_has_one_item_waits_for_one_of_each_other_and_no_more():
    turns: FairQueue[str] = FairQueue()
    for number in range(100):
        turns.put("greedy", f"greedy {number}")
    turns.put("modest", "modest 0")
    assert turns.get(4) == ["greedy 0", "modest 0", "greedy 1", "greedy 2"]


def test_rounds_go_on_where_they_stopped():
    turns: FairQueue[str] = FairQueue()
    for party in "abc":
        for number in range(3):
            turns.put(party, f"{party}{number}")
    assert [turns.get(2) for _ in range(5)] == [["a0", "b0"], ["c0", "a1"], ["b1", "c1"], ["a2", "b2"], ["c2"]]


def test_what_has_precedence_goes_first_and_every_fourth_is_the_one_that_has_waited_longest():
    now_s = [0.0]
    turns: FairQueue[str] = FairQueue(lambda: now_s[0])
    for number in range(3):
        turns.put("a", f"further a{number}")
    now_s[0] = 2.5
    for number in range(6):
        turns.put("ab"[number % 2], f"first {number}", 3)
    assert turns.oldest_s == 2.5
    assert turns.get(4) == ["first 4", "first 5", "first 2", "further a0"]
    assert turns.get(5) == ["first 3", "first 0", "first 1", "further a1", "further a2"]
    assert turns.oldest_s == 0


def test_closing_takes_what_waits_to_the_end_and_wakes_whoever_waits_for_more():
    turns: FairQueue[int] = FairQueue()
    turns.put(None, 1)
    turns.close()
    assert turns.get(5) == [1]
    assert turns.get(5) == []
    empty: FairQueue[int] = FairQueue()
    found: list[list[int]] = []
    waiting = threading.Thread(target=lambda: found.append(empty.get(1)))
    waiting.start()
    empty.close()
    waiting.join(10)
    assert found == [[]]


def test_threads_that_wait_share_what_comes_so_that_none_is_idle_beside_a_full_batch():
    turns: FairQueue[int] = FairQueue()
    found: list[list[int]] = []
    waiting = [threading.Thread(target=lambda: found.append(turns.get(4))) for _ in range(2)]
    with turns._changed:  # nobody is woken before all is there
        for thread in waiting:
            thread.start()
    while turns._takers < 2:
        waiting[0].join(0.001)
    with turns._changed:
        for number in range(4):
            turns.put(number, number)
    for thread in waiting:
        thread.join(10)
    assert sorted(map(len, found)) == [2, 2]
