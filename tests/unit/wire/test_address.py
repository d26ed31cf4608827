from __future__ import annotations

import pytest

from cekalwatch.wire.address import AddressError, loopback_address


@pytest.mark.parametrize("address", ["127.0.0.1:50051", "127.8.9.1:1", "[::1]:50051", "localhost:50051", "127.0.0.1:0"])
def test_loopback_is_allowed_and_stays_as_it_was_written(address: str) -> None:
    assert loopback_address(address) == address


@pytest.mark.parametrize(
    "address",
    ["0.0.0.0:50051", "[::]:50051", "192.168.1.2:50051", "example.org:50051", "localhost.example.org:1", "128.0.0.1:1"],
)
def test_another_machine_is_refused_with_what_is_allowed(address: str) -> None:
    with pytest.raises(AddressError, match=r"not on this machine; plaintext is allowed on 127\.0\.0\.1"):
        loopback_address(address)


@pytest.mark.parametrize(
    "address", ["", "127.0.0.1", "127.0.0.1:", ":50051", "127.0.0.1:x", "127.0.0.1:-1", "127.0.0.1:65536"]
)
def test_what_is_no_address_is_refused_with_an_example(address: str) -> None:
    with pytest.raises(AddressError, match="write HOST:PORT"):
        loopback_address(address)
