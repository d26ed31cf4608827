"""The command line of `python -m deploy.simulator`: an application with ban orders, to try a synchronisation with."""

from __future__ import annotations

import json
import sqlite3
import threading
from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.server.watchlist.sources.secrets import read_secret, secret_form
from cekalwatch.server.watchlist.sources.source import SourceUnavailable
from deploy.simulator.certificates import SimulatorCertificates
from deploy.simulator.faces import faces_of
from deploy.simulator.faults import SimulatedFault
from deploy.simulator.life import Life
from deploy.simulator.orders import OrderDatabase
from deploy.simulator.web import Simulator

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command(
    epilog="Examples:\n\n"
    "  python -m deploy.simulator --orders 50 --step-s 30\n\n"
    "  python -m deploy.simulator --faces ./photographs --tls ./simulator-tls --token-from env:TOKEN\n\n"
    "  python -m deploy.simulator --fault half-page --fault duplicate-keys --delay-s 0.5\n\n"
    "While it runs:\n\n"
    '  curl -d \'{"faults": ["unavailable"], "times": 2}\' http://127.0.0.1:8700/admin/troubles\n\n'
    "  curl -d '' http://127.0.0.1:8700/admin/step\n\n"
    "  curl http://127.0.0.1:8700/lookup/C-1\n\n"
    "Its people are invented. It answers on this machine only. docs/connect-cekal.md describes its protocol."
)
def simulator(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 lets the system choose.")] = 8700,
    orders: Annotated[int, typer.Option(min=0, max=1_000_000, help="Orders at the beginning.")] = 20,
    step_s: Annotated[
        float, typer.Option(min=0, help="Seconds between changes of the list; 0: only on request.")
    ] = 0.0,
    seed: Annotated[int, typer.Option(help="Decides which changes happen.")] = 1,
    faces: Annotated[
        Path | None, typer.Option(help="Folder with photographs; when not given, some that installed packages ship.")
    ] = None,
    database: Annotated[Path | None, typer.Option(help="Keep the orders in this file (SQLite).")] = None,
    token_from: Annotated[str, typer.Option(help='Let in only who shows this token: "file:PATH" or "env:NAME".')] = "",
    tls: Annotated[Path | None, typer.Option(help="Speak TLS; certificates are made in this folder.")] = None,
    client_certificate: Annotated[
        bool, typer.Option("--client-certificate", help="Let in only who shows the certificate in TLS/client.")
    ] = False,
    fault: Annotated[list[SimulatedFault] | None, typer.Option(help="What it does wrongly; repeatable.")] = None,
    outage: Annotated[
        bool, typer.Option("--outage", help="It cannot be reached, until /admin/troubles says otherwise.")
    ] = False,
    delay_s: Annotated[float, typer.Option(min=0, help="Seconds that each answer waits.")] = 0.0,
) -> None:
    """Simulate an application that keeps ban orders, until Ctrl-C."""
    if client_certificate and tls is None:
        raise ProgramError("--client-certificate needs --tls", Exit.USAGE)
    try:
        token = read_secret(secret_form(token_from))
    except (ValueError, SourceUnavailable) as error:
        raise ProgramError(f"--token-from: {error}", Exit.USAGE) from None
    try:
        book = OrderDatabase(database)
    except sqlite3.Error as error:
        raise ProgramError(f"The database {database} cannot be used: {error}", Exit.UNAVAILABLE) from None
    life = Life(book, faces_of(faces), date.today, seed)  # this machine's day will do
    life.begin(orders - book.total)
    certificates = SimulatorCertificates(tls, ask_clients=client_certificate) if tls else None
    try:
        with Simulator(book, port=port, token=token, certificates=certificates, on_step=life.step) as running:
            running.faults.set([*(fault or ()), *([SimulatedFault.OUTAGE] if outage else ())], delay_s=delay_s)
            _tell(running.address, token_from, certificates)
            while not threading.Event().wait(step_s or None):
                typer.echo(life.step())
    except OSError as error:
        raise ProgramError(f"Port {port} cannot be used: {error.strerror}", Exit.UNAVAILABLE) from None
    finally:
        book.close()


def _tell(address: str, token_from: str, certificates: SimulatorCertificates | None) -> None:
    """Print the configuration with which a server reads from here."""
    access = {"token_from": token_from} if token_from else {}
    if certificates:
        access |= {"authorities": str(certificates.authority), "client_tls": str(certificates.client)}
    lines = ["[watchlist.source]", 'kind = "http"', f"address = {json.dumps(address)}"]
    typer.echo("\n".join([*lines, *(f"access.{name} = {json.dumps(value)}" for name, value in access.items())]))
