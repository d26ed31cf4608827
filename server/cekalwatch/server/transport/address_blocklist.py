"""Bars addresses from new connections for a moment, in the kernel, so that who is barred costs this process nothing.

A filter at the listening sockets drops the first packet of a connection (SYN) from these addresses. Connections that
stand go on. A client behind a barred address sends that packet again after one and three seconds, and gets in then.
Linux only; it needs no privileges.
"""

from __future__ import annotations

import ctypes
import ipaddress
import os
import socket
import struct
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import suppress
from typing import Final

BARRED_S: Final = 2.0
MAX_BARRED: Final = 50
"""Addresses at once; the newest count."""

_ATTACH_FILTER, _DETACH_FILTER = 26, 27  # asm-generic/socket.h
_LOAD, _LOAD_BYTE, _AND, _JUMP_EQUAL, _RETURN = 0x20, 0x30, 0x54, 0x15, 0x06
_ACCEPT, _DROP = 0xFFFFFFFF, 0
_TCP_FLAGS_AT: Final = 13
_SYN, _SYN_OR_ACK = 0x02, 0x12
_PROTOCOL_AT: Final = 0xFFFFF000
"""Where a filter finds which protocol a packet is of (SKF_AD_OFF of linux/filter.h)."""
_NETWORK_AT: Final = 0xFFF00000
"""And the packet's header (SKF_NET_OFF)."""
_SOURCE_OF_4, _SOURCE_OF_6 = _NETWORK_AT + 12, _NETWORK_AT + 8
_IPV4: Final = 0x0800
_WORD: Final = struct.Struct("!I")


class AddressBlocklist:
    """The addresses that are barred at this process's listening sockets. One thread uses it."""

    def __init__(self) -> None:
        self._until_s: dict[str, float] = {}
        self._applied: frozenset[str] = frozenset()

    def block(self, address: str) -> None:
        """Block an address as `counted_address` gives it, from the next `apply` on and for BARRED_S."""
        self._until_s.pop(address, None)
        self._until_s[address] = time.monotonic() + BARRED_S

    def apply(self, handles: Callable[[], Iterable[int]], ports: Collection[int]) -> None:
        """Have the sockets that listen at `ports` drop what is barred now; `handles` are this process's sockets."""
        now_s = time.monotonic()
        self._until_s = {address: until_s for address, until_s in self._until_s.items() if until_s > now_s}
        barred = frozenset([*self._until_s][-MAX_BARRED:])
        if barred == self._applied:
            return
        for listening in _listening(handles(), ports):
            _filter(listening, barred)
        self._applied = barred


def _listening(handles: Iterable[int], ports: Collection[int]) -> Iterator[socket.socket]:
    """Yield the sockets that listen at a port, each as a handle of our own."""
    for handle in handles:
        with suppress(OSError), socket.socket(fileno=os.dup(handle)) as held:
            listens = held.family in {socket.AF_INET, socket.AF_INET6} and held.getsockname()[1] in ports
            if listens and held.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                yield held


def _filter(listening: socket.socket, barred: Collection[str]) -> None:
    if not barred:
        with suppress(OSError):  # it has none
            listening.setsockopt(socket.SOL_SOCKET, _DETACH_FILTER, 0)
        return
    program = b"".join(_program(barred))
    buffer = ctypes.create_string_buffer(program, len(program))
    described = struct.pack("@HP", len(program) // 8, ctypes.addressof(buffer))
    listening.setsockopt(socket.SOL_SOCKET, _ATTACH_FILTER, described)


def _program(barred: Iterable[str]) -> list[bytes]:
    """Return the program for the kernel's filter: instructions of 8 bytes. Connections that come of it inherit it."""
    networks = [ipaddress.ip_network(address) for address in barred]
    of_4 = [_instruction(_LOAD, _SOURCE_OF_4)]
    of_6: list[bytes] = []
    for network in networks:
        if network.version == 4:
            of_4 += [_instruction(_JUMP_EQUAL, int(network.network_address), no=1), _instruction(_RETURN, _DROP)]
        else:
            high, low = _WORD.iter_unpack(network.network_address.packed[:8])
            of_6 += [
                _instruction(_LOAD, _SOURCE_OF_6),
                _instruction(_JUMP_EQUAL, *high, no=3),
                _instruction(_LOAD, _SOURCE_OF_6 + 4),
                _instruction(_JUMP_EQUAL, *low, no=1),
                _instruction(_RETURN, _DROP),
            ]
    of_4.append(_instruction(_RETURN, _ACCEPT))
    return [
        _instruction(_LOAD_BYTE, _TCP_FLAGS_AT),
        _instruction(_AND, _SYN_OR_ACK),
        _instruction(_JUMP_EQUAL, _SYN, yes=1),
        _instruction(_RETURN, _ACCEPT),
        _instruction(_LOAD, _PROTOCOL_AT),
        _instruction(_JUMP_EQUAL, _IPV4, no=len(of_4)),
        *of_4,
        *of_6,
        _instruction(_RETURN, _ACCEPT),
    ]


def _instruction(code: int, value: int, *, yes: int = 0, no: int = 0) -> bytes:
    """`yes` and `no`: how many instructions a jump passes over."""
    return struct.pack("=HBBI", code, yes, no, value)
