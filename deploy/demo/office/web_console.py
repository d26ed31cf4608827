"""The web console of the demonstration, for a browser on this machine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection

from cekalwatch.wire.identity import DeviceRole
from deploy.demo.programs import Program, wait_until
from deploy.demo.stack import Stack, kept_port

START_S = 60.0


@dataclass(frozen=True)
class WebConsole:
    """A console that serves its pages."""

    address: str
    """What to open in a browser."""
    program: Program


@contextmanager
def web_console(stack: Stack, environment: Mapping[str, str] | None = None) -> Iterator[WebConsole]:
    """Serve the pages of the site, without TLS, as they are for this machine only. Raises ProgramError."""
    with kept_port() as port:
        listen = f"127.0.0.1:{port}"
        arguments = ["-m", "cekalwatch.console", "serve", "--listen", listen, "--server", stack.address]
        tls = {"CEKALWATCH_CONSOLE_TLS_DIR": str(stack.certificate(DeviceRole.CONSOLE, "console"))}
        with Program("web-console", arguments, stack.logs, environment=tls | dict(environment or {})) as program:
            wait_until(lambda: _answers(listen), START_S, "The web console", program, stack.server)
            yield WebConsole(f"http://{listen}", program)


def _answers(listen: str) -> bool:
    connection = HTTPConnection(listen, timeout=START_S)
    try:
        connection.request("GET", "/sign-in")
        return connection.getresponse().status == HTTPStatus.OK
    except OSError:
        return False
    finally:
        connection.close()
