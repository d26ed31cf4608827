from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from cekalwatch.wire.backoff import Backoff


class Most(random.Random):
    """Always draws the upper end."""

    def uniform(self, a: float, b: float) -> float:  # noqa: ARG002  # the standard library's signature
        return b


def test_ceiling_doubles_with_each_failure_up_to_the_most() -> None:
    backoff = Backoff(first_s=1, most_s=10, random=Most())
    assert [backoff.next_delay_s() for _ in range(6)] == [1, 2, 4, 8, 10, 10]


def test_connection_that_stood_begins_anew() -> None:
    backoff = Backoff(first_s=1, most_s=10, random=Most())
    backoff.next_delay_s()
    backoff.next_delay_s()
    backoff.reset()
    assert backoff.next_delay_s() == 1


@given(st.integers(), st.integers(1, 2000))
def test_waiting_is_never_longer_than_the_most_and_never_negative(seed: int, failures: int) -> None:
    backoff = Backoff(random=random.Random(seed))  # noqa: S311  # jitter
    assert all(0 <= backoff.next_delay_s() <= backoff.most_s for _ in range(failures))


def test_clients_that_lost_the_same_server_come_back_at_different_moments() -> None:
    clients = [Backoff(random=random.Random(seed)) for seed in range(100)]  # noqa: S311  # jitter
    for client in clients:
        for _ in range(5):
            client.next_delay_s()
    delays = sorted(client.next_delay_s() for client in clients)
    assert delays[10] < 0.25 * delays[-1]
    assert delays[50] < 0.75 * delays[-1]
