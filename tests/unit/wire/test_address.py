from __future__ import annotations

import pytest

from cekalwatch.wire.address import AddressError, address_form, is_loopback, split_address


@pytest.mark.parametrize("address", ["127.0.0.1:50051", "127.8.9.1:1", "[::1]:50051", "localhost:50051", "127.0.0.1:0"])
def test_loopback_is_known_by_any_of_its_names(address: str) -> None:
    assert is_loopback(address)
    assert address_form(address) == address


@pytest.mark.parametrize(
    "address",
    ["0.0.0.0:50051", "[::]:50051", "192.168.1.2:50051", "example.org:50051", "localhost.example.org:1", "128.0.0.1:1"],
)
def test_another_machine_is_not_loopback(address: str) -> None:
    assert not is_loopback(address)
    assert address_form(address) == address


@pytest.mark.parametrize(
    ("address", "parts"), [("cekal.local:7", ("cekal.local", 7)), ("[fe80::1]:65535", ("fe80::1", 65535))]
)
def test_an_address_has_a_host_without_brackets_and_a_port(address: str, parts: tuple[str, int]) -> None:
    assert split_address(address) == parts


@pytest.mark.parametrize(
    "address", ["", "127.0.0.1", "127.0.0.1:", ":50051", "127.0.0.1:x", "127.0.0.1:-1", "127.0.0.1:65536", "::1:50051"]
)
def test_what_is_no_address_is_refused_with_an_example(address: str) -> None:
    with pytest.raises(AddressError, match="write HOST:PORT"):
        address_form(address)
