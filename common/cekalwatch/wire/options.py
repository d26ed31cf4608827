"""gRPC channel and server options; measured in the design, held by `tests/integration/api/test_wire_options.py`.

The server's ping allowance must be no longer than the client's ping period, or the server closes the connection with
ENHANCE_YOUR_CALM. Its key is `min_ping_interval_without_data_ms`: gRPC ignores similar names silently.
"""

from importlib.metadata import PackageNotFoundError, version

from cekalwatch.wire.bounds import MAX_MESSAGE_BYTES

Option = tuple[str, int]


def _own_version() -> str:
    try:
        return version("cekalwatch")
    except PackageNotFoundError:  # the client library alone
        return version("cekalwatch-client")


PROGRAM = "cekalwatch"
"""With a slash and its version, how a client calls itself with each call."""

KEEPALIVE_PERIOD_MS = 10_000
KEEPALIVE_TIMEOUT_MS = 5_000
HANDSHAKE_TIMEOUT_MS = 10_000
CONNECTING_MS = 3_000
"""How long a server among several may take to accept a connection, with TLS, before the next one is tried."""
CONNECTION_IDLE_MS = 300_000
MAX_STREAMS_PER_CONNECTION = 64
MAX_METADATA_BYTES = 8 * 1024
MAX_CONNECTIONS_OPTION = "grpc.max_allowed_incoming_connections"
"""Key of the connections that a server has at once; it closes others as it accepts them."""

CLIENT_OPTIONS: tuple[Option, ...] = (
    ("grpc.keepalive_time_ms", KEEPALIVE_PERIOD_MS),
    ("grpc.keepalive_timeout_ms", KEEPALIVE_TIMEOUT_MS),
    # Without this, gRPC waits a minute for the answer to a ping, whatever the keep-alive says.
    ("grpc.http2.ping_timeout_ms", KEEPALIVE_TIMEOUT_MS),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    # The servers are the office's own; `https_proxy` in the environment is for the internet.
    ("grpc.enable_http_proxy", 0),
    # `Backoff` decides when to connect again; the channel must not wait longer.
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 2_000),
)

SPREADING = ("grpc.service_config", '{"loadBalancingConfig": [{"pick_first": {"shuffleAddressList": true}}]}')
"""Lets clients spread over the servers whose addresses one name has, and try all."""
CALLER = ("grpc.primary_user_agent", f"{PROGRAM}/{_own_version()}")
BOUNDED_CONNECTING = ("grpc.min_reconnect_backoff_ms", CONNECTING_MS)
"""Despite its name it bounds each attempt to connect; without it, gRPC waits 20 s for a machine that is silent."""

SERVER_OPTIONS: tuple[Option, ...] = (
    ("grpc.keepalive_time_ms", KEEPALIVE_PERIOD_MS),
    ("grpc.keepalive_timeout_ms", KEEPALIVE_TIMEOUT_MS),
    # Without this, gRPC waits a minute for the answer to a ping, whatever the keep-alive says.
    ("grpc.http2.ping_timeout_ms", KEEPALIVE_TIMEOUT_MS),
    # Otherwise gRPC allows one ping in two hours on a connection without a call, and closes it after more.
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_ping_interval_without_data_ms", KEEPALIVE_PERIOD_MS // 2),
    ("grpc.http2.max_ping_strikes", 2),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    # Without this a client pushes 4 MB into a server that does not read; with it, 64 kB.
    ("grpc.http2.bdp_probe", 0),
    ("grpc.so_reuseport", 0),
    # A client that does not complete TLS and HTTP/2 settings in this time is disconnected; the default is 120 s.
    ("grpc.server_handshake_timeout_ms", HANDSHAKE_TIMEOUT_MS),
    ("grpc.http2.settings_timeout", HANDSHAKE_TIMEOUT_MS),
    # A connection without calls is closed; clients connect again at the next call.
    ("grpc.max_connection_idle_ms", CONNECTION_IDLE_MS),
    ("grpc.max_concurrent_streams", MAX_STREAMS_PER_CONNECTION),
    ("grpc.max_metadata_size", MAX_METADATA_BYTES),
    ("grpc.absolute_max_metadata_size", MAX_METADATA_BYTES),
)
