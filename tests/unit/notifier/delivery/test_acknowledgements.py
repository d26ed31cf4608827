"""The acknowledgement of what was shown: a moment later, once for all of it, and until it has succeeded."""

from __future__ import annotations

import threading
from queue import Queue

import grpc

from cekalwatch.notifier.delivery.alert_delivery import PAUSE_S, Acknowledgements

WAIT_S = 30


class Unreachable(grpc.RpcError):
    def code(self) -> grpc.StatusCode:
        return grpc.StatusCode.UNAVAILABLE


class Server:
    def __init__(self) -> None:
        self.told: Queue[int] = Queue()
        self.away = False

    def acknowledge(self, sequence: int, _: str) -> None:
        self.told.put(sequence)
        if self.away:
            raise Unreachable


def test_what_comes_within_the_pause_is_acknowledged_together() -> None:
    server, over = Server(), threading.Event()
    with Acknowledgements(server.acknowledge, lambda: 0.0 if over.wait(WAIT_S) else 1.0) as acknowledgements:
        for sequence in (1, 2, 3):
            acknowledgements.owe(sequence)
        assert server.told.empty()
        over.set()
        assert server.told.get(timeout=WAIT_S) == 3
    assert server.told.empty()


def test_what_is_owed_at_the_end_is_acknowledged_without_a_pause() -> None:
    server = Server()
    with Acknowledgements(server.acknowledge, lambda: 3600.0) as acknowledgements:
        acknowledgements.owe(7)
    assert server.told.get(timeout=WAIT_S) == 7


def test_what_failed_waits_for_a_reason_to_try_again() -> None:
    server = Server()
    server.away = True
    acknowledgements = Acknowledgements(server.acknowledge, lambda: 0.0)
    with acknowledgements:
        acknowledgements.owe(1)
        assert server.told.get(timeout=WAIT_S) == 1
        server.away = False
        acknowledgements.try_again()
        assert server.told.get(timeout=WAIT_S) == 1
        acknowledgements.owe(2)
        assert server.told.get(timeout=WAIT_S) == 2


def test_nothing_is_owed_to_another_log() -> None:
    server = Server()
    with Acknowledgements(server.acknowledge, lambda: 3600.0) as acknowledgements:
        acknowledgements.owe(7)
        acknowledgements.forget()
    assert server.told.empty()


def test_the_office_does_not_acknowledge_in_the_instant_of_the_alert() -> None:
    shortest, longest = PAUSE_S
    assert shortest >= 0.2
    assert longest <= 1.0
