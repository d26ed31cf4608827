"""What simulated systems share: a web server on this machine's loopback interface only, which answers on threads."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from http.server import ThreadingHTTPServer
from typing import Final, Self

HOST: Final = "127.0.0.1"


class SimulatedSystem(ABC):
    """Use it as a context manager: it answers for the time of the block."""

    def __init__(self, port: int) -> None:
        """`port`: 0 for a free one."""
        self._port = port

    @abstractmethod
    def _listen(self) -> ThreadingHTTPServer:
        """Return a server that listens at HOST and the port."""

    def __enter__(self) -> Self:
        self._server = self._listen()
        self._port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
