"""One notifier for each user and agent: a second start asks the first to come to the front, and ends."""

from __future__ import annotations

import getpass
import hashlib

from PySide6.QtCore import QObject, Signal
from PySide6.QtNetwork import QLocalServer, QLocalSocket

_WAIT_MS = 1_000


class SingleInstance(QObject):
    """Holds the name by which later starts find the first one."""

    asked = Signal()
    """A second start asks the first to come to the front."""

    def __init__(self, agent_id: str) -> None:
        super().__init__()
        # A socket's path is short, and tells others on the PC nothing.
        digest = hashlib.sha256(f"{getpass.getuser()}/{agent_id}".encode()).hexdigest()[:16]
        self._name = f"cekalwatch-notifier-{digest}"
        self._server = QLocalServer(self)
        self._server.setSocketOptions(QLocalServer.SocketOption.UserAccessOption)
        self._server.newConnection.connect(self._answer)

    def acquire(self) -> bool:
        """Return True when this is the first; else the first has been asked to come to the front."""
        socket = QLocalSocket()
        socket.connectToServer(self._name)
        if socket.waitForConnected(_WAIT_MS):
            socket.disconnectFromServer()
            return False
        # What a killed notifier left behind; a running one would have answered. The inbox's lock decides in the end.
        QLocalServer.removeServer(self._name)
        return self._server.listen(self._name)

    def close(self) -> None:
        """Release the name."""
        self._server.close()

    def _answer(self) -> None:
        while self._server.hasPendingConnections():
            connection = self._server.nextPendingConnection()
            connection.disconnected.connect(connection.deleteLater)
            self.asked.emit()
