"""Calls that go on to the next server, with real servers."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from typing import NoReturn

import grpc
import pytest
from google.rpc import code_pb2, status_pb2
from grpc_status import rpc_status

from cekalwatch.wire.calls import Calls
from cekalwatch.wire.dialer import Dialer, ServerChoice
from cekalwatch.wire.options import SERVER_OPTIONS

WAIT_S = 30.0


@dataclass
class Place(grpc.GenericRpcHandler):
    """A server that says what its address is; `/place/Refuse` tells an error, `/place/Slow` waits."""

    asked: int = 0
    holds: bool = False
    """Whether it has what `/place/Held` asks for."""
    address: str = ""
    come: threading.Event = field(default_factory=threading.Event)
    go_on: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self._server = grpc.server(ThreadPoolExecutor(max_workers=4), options=SERVER_OPTIONS)
        self._server.add_generic_rpc_handlers((self,))
        self.address = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        self._server.start()

    def stop(self) -> None:
        self.go_on.set()
        self._server.stop(grace=0).wait()

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[bytes, bytes] | None:
        return {
            "/place/Where": grpc.unary_unary_rpc_method_handler(self._where),
            "/place/Slow": grpc.unary_unary_rpc_method_handler(self._slow),
            "/place/Held": grpc.unary_unary_rpc_method_handler(self._held),
            "/place/Refuse": grpc.unary_unary_rpc_method_handler(self._refuse),
        }.get(handler_call_details.method)

    def _where(self, *_: object) -> bytes:
        self.asked += 1
        return self.address.encode()

    def _held(self, _: bytes, context: grpc.ServicerContext) -> bytes:
        self.asked += 1
        if not self.holds:
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, f"not at {self.address}")
        return self.address.encode()

    def _slow(self, *_: object) -> bytes:
        self.come.set()
        self.go_on.wait(WAIT_S)
        return self.address.encode()

    def _refuse(self, _: bytes, context: grpc.ServicerContext) -> NoReturn:
        self.asked += 1
        context.abort_with_status(
            rpc_status.to_status(status_pb2.Status(code=code_pb2.UNAVAILABLE, message="the database is away"))
        )


class Client:
    """Calls, and the servers in the order in which they are tried."""

    def __init__(self, *places: Place | str) -> None:
        known = {one if isinstance(one, str) else one.address: one for one in places}
        self.choice = ServerChoice(known, "pc-1")
        self.places = [known[address] for address in self.choice.addresses]
        self.calls = Calls(Dialer(self.choice, None))

    def ask(self, method: str = "Where", deadline_s: float = WAIT_S) -> str:
        def call(channel: grpc.Channel, left_s: float) -> bytes:
            made: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(f"/place/{method}")
            return made(b"", timeout=left_s)

        return self.calls.make(call, deadline_s).decode()

    def ask_holder(self, method: str = "Held") -> str:
        def call(channel: grpc.Channel, left_s: float) -> bytes:
            made: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(f"/place/{method}")
            return made(b"", timeout=left_s)

        def elsewhere(error: grpc.RpcError) -> bool:
            return error.code() is grpc.StatusCode.FAILED_PRECONDITION

        return self.calls.make_at_holder(call, WAIT_S, elsewhere).decode()


@pytest.fixture
def opened() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def places(opened: ExitStack) -> list[Place]:
    found = [Place() for _ in range(2)]
    for place in found:
        opened.callback(place.stop)
    return found


@pytest.fixture
def client(opened: ExitStack, places: list[Place]) -> Client:
    client = Client(*places)
    opened.enter_context(closing(client.calls))
    return client


def test_a_call_goes_on_to_the_next_server_and_the_later_ones_stay_there(client: Client) -> None:
    first, second = client.places
    assert isinstance(first, Place)
    assert isinstance(second, Place)
    assert client.ask() == first.address
    first.stop()
    assert client.ask() == second.address
    assert client.ask() == second.address
    assert client.choice.address == second.address


def test_when_no_server_answers_the_last_error_is_told(client: Client, places: list[Place]) -> None:
    for place in places:
        place.stop()
    with pytest.raises(grpc.RpcError) as caught:
        client.ask()
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


def test_an_error_that_a_server_tells_is_no_reason_to_ask_another(client: Client, places: list[Place]) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        client.ask("Refuse")
    assert caught.value.details() == "the database is away"
    assert sum(place.asked for place in places) == 1


def test_a_call_under_way_is_not_cut_off_when_others_go_to_the_next_server(client: Client) -> None:
    first, second = client.places
    assert isinstance(first, Place)
    assert isinstance(second, Place)
    with ThreadPoolExecutor(1) as thread:
        slow = thread.submit(client.ask, "Slow")
        assert first.come.wait(WAIT_S)
        client.choice.lost(first.address)
        assert client.ask() == second.address
        first.go_on.set()
        assert slow.result(WAIT_S) == first.address


def test_a_server_that_takes_connections_and_says_nothing_is_passed_over_within_its_time(
    opened: ExitStack, places: list[Place]
) -> None:
    mute = opened.enter_context(socket.create_server(("127.0.0.1", 0)))
    client = Client(places[0], f"127.0.0.1:{mute.getsockname()[1]}")
    opened.enter_context(closing(client.calls))
    if isinstance(client.places[0], Place):
        client.choice.lost(places[0].address)
    assert client.ask() == places[0].address


@pytest.mark.parametrize("holder", [0, 1])
def test_what_one_server_has_is_asked_of_each_until_it_is_found(client: Client, holder: int) -> None:
    places = [place for place in client.places if isinstance(place, Place)]
    places[holder].holds = True
    assert client.ask_holder() == places[holder].address
    assert [place.asked for place in places] == [1, holder]
    assert client.ask() == places[0].address, "other calls stay where they were"


def test_what_no_server_has_is_refused_by_the_one_in_use_also_when_another_is_away(client: Client) -> None:
    first, second = client.places
    assert isinstance(first, Place)
    assert isinstance(second, Place)
    for _ in range(2):
        with pytest.raises(grpc.RpcError) as caught:
            client.ask_holder()
        assert caught.value.details() == f"not at {first.address}"
        second.stop()


def test_another_refusal_ends_the_search(client: Client, places: list[Place]) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        client.ask_holder("Refuse")
    assert caught.value.details() == "the database is away"
    assert sum(place.asked for place in places) == 1
