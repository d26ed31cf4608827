"""Both ends' channel options: that they agree, and that they do what they are there for, on a real connection."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest

from cekalwatch.wire.bounds import MAX_CROP_BYTES, MAX_MESSAGE_BYTES, PHOTO_CHUNK_BYTES
from cekalwatch.wire.options import CLIENT_OPTIONS, KEEPALIVE_PERIOD_MS, SERVER_OPTIONS, SPREADING

CLIENT = dict(CLIENT_OPTIONS)
SERVER = dict(SERVER_OPTIONS)
WAIT_S = 30.0


def test_no_option_is_given_twice() -> None:
    assert len(CLIENT) == len(CLIENT_OPTIONS)
    assert len(SERVER) == len(SERVER_OPTIONS)


def test_server_allows_the_pings_that_clients_send() -> None:
    assert SERVER["grpc.http2.min_ping_interval_without_data_ms"] < CLIENT["grpc.keepalive_time_ms"]
    assert CLIENT["grpc.keepalive_time_ms"] == KEEPALIVE_PERIOD_MS
    # Clients ping on quiet streams too, and would stop after two pings without data otherwise.
    assert CLIENT["grpc.http2.max_pings_without_data"] == 0
    assert CLIENT["grpc.keepalive_permit_without_calls"] == SERVER["grpc.keepalive_permit_without_calls"] == 1


def test_dead_peer_is_noticed_by_both_ends_before_the_next_ping() -> None:
    for options in (CLIENT, SERVER):
        assert options["grpc.keepalive_timeout_ms"] < options["grpc.keepalive_time_ms"]
        assert options["grpc.http2.ping_timeout_ms"] == options["grpc.keepalive_timeout_ms"]


def test_messages_have_the_same_bound_everywhere_and_what_is_sent_fits_it() -> None:
    for options in (CLIENT, SERVER):
        assert options["grpc.max_send_message_length"] == MAX_MESSAGE_BYTES
        assert options["grpc.max_receive_message_length"] == MAX_MESSAGE_BYTES
    room_for_other_fields = 16 * 1024
    assert MAX_CROP_BYTES + room_for_other_fields <= MAX_MESSAGE_BYTES
    assert PHOTO_CHUNK_BYTES + room_for_other_fields <= MAX_MESSAGE_BYTES


class Echo(grpc.GenericRpcHandler):
    """Answers `/echo/Once` and `/echo/Stream` with what came; `/echo/Big` with more than is allowed."""

    def __init__(self) -> None:
        self.taken = 0
        self.go_on = threading.Event()

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[bytes, bytes] | None:
        return {
            "/echo/Once": grpc.unary_unary_rpc_method_handler(lambda request, _: request),
            "/echo/Big": grpc.unary_unary_rpc_method_handler(lambda *_: bytes(MAX_MESSAGE_BYTES + 1)),
            "/echo/Stream": grpc.stream_stream_rpc_method_handler(lambda requests, _: requests),
            "/echo/Deaf": grpc.stream_unary_rpc_method_handler(self._deaf),
        }.get(handler_call_details.method)

    def _deaf(self, requests: Iterator[bytes], context: grpc.ServicerContext) -> bytes:  # noqa: ARG002  # gRPC's
        """Take one message, and no more until the test says so."""
        next(requests)
        self.go_on.wait(WAIT_S)
        return b""


@pytest.fixture
def echo() -> Echo:
    return Echo()


@pytest.fixture
def address(echo: Echo) -> Iterator[str]:
    server = grpc.server(ThreadPoolExecutor(max_workers=8), options=SERVER_OPTIONS)
    server.add_generic_rpc_handlers((echo,))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"127.0.0.1:{port}"
    echo.go_on.set()
    server.stop(grace=0).wait()


@pytest.fixture
def channel(address: str) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(address, options=CLIENT_OPTIONS) as made:
        yield made


def refused(call: grpc.UnaryUnaryMultiCallable[bytes, bytes], message: bytes) -> grpc.StatusCode:
    with pytest.raises(grpc.RpcError) as caught:
        call(message, timeout=WAIT_S)
    return caught.value.code()


def test_largest_message_passes_and_a_larger_one_does_not_leave_the_client(channel: grpc.Channel) -> None:
    once: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary("/echo/Once")
    assert len(once(bytes(MAX_MESSAGE_BYTES), timeout=WAIT_S)) == MAX_MESSAGE_BYTES
    assert refused(once, bytes(MAX_MESSAGE_BYTES + 1)) is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert once(b"and on", timeout=WAIT_S) == b"and on"


def test_answer_that_is_too_large_is_refused_and_others_go_on(channel: grpc.Channel) -> None:
    assert refused(channel.unary_unary("/echo/Big"), b"") is grpc.StatusCode.RESOURCE_EXHAUSTED
    once: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary("/echo/Once")
    assert once(b"and on", timeout=WAIT_S) == b"and on"


def test_server_refuses_the_large_message_of_a_careless_client_and_its_other_streams_go_on(address: str) -> None:
    with grpc.insecure_channel(address) as careless:
        messages: list[bytes] = []
        more = threading.Semaphore(0)

        def outgoing() -> Iterator[bytes]:
            while more.acquire(timeout=WAIT_S) and messages:
                yield messages.pop(0)

        echoed: grpc.StreamStreamMultiCallable[bytes, bytes] = careless.stream_stream("/echo/Stream")
        stream = echoed(outgoing())
        for message in (b"before", b"after"):
            messages.append(message)
            more.release()
            assert next(stream) == message
            code = refused(careless.unary_unary("/echo/Once"), bytes(MAX_MESSAGE_BYTES + 1))
            assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
        more.release()
        assert list(stream) == []


def test_client_cannot_push_megabytes_into_a_server_that_does_not_read(channel: grpc.Channel, echo: Echo) -> None:
    sent = 0
    moved = threading.Event()
    size = 16 * 1024

    def outgoing() -> Iterator[bytes]:
        nonlocal sent
        while not echo.go_on.is_set() and sent < 8_000_000:
            sent += size
            moved.set()
            yield bytes(size)

    deaf: grpc.StreamUnaryMultiCallable[bytes, bytes] = channel.stream_unary("/echo/Deaf")
    call = deaf.future(outgoing())
    while moved.wait(1.0):  # until the client stops asking for more
        moved.clear()
    assert sent <= 512 * 1024
    echo.go_on.set()
    assert call.result(WAIT_S) == b""


def test_clients_spread_over_the_addresses_of_a_name_and_find_the_server_that_lives() -> None:
    servers, ports = [], []
    for number in (b"1", b"2"):
        server = grpc.server(ThreadPoolExecutor(max_workers=2), options=SERVER_OPTIONS)
        answer: grpc.RpcMethodHandler[bytes, bytes] = grpc.unary_unary_rpc_method_handler(
            lambda *_, number=number: number
        )
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("which", {"One": answer}),))
        ports.append(server.add_insecure_port("127.0.0.1:0"))
        server.start()
        servers.append(server)
    target = f"ipv4:{','.join(f'127.0.0.1:{port}' for port in ports)}"
    # Connections of one process would be shared, which those of several clients are not.
    options = (*CLIENT_OPTIONS, SPREADING, ("grpc.use_local_subchannel_pool", 1))

    def asked() -> bytes:
        with grpc.insecure_channel(target, options) as channel:
            once: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary("/which/One")
            return once(b"", timeout=WAIT_S)

    assert {asked() for _ in range(40)} == {b"1", b"2"}
    servers[0].stop(grace=0).wait()
    assert {asked() for _ in range(10)} == {b"2"}
    servers[1].stop(grace=0).wait()
