"""`make demo`: the whole chain once, on this machine. Exit code 0 only when exactly the right alerts came."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from types import FrameType
from typing import NoReturn
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.live import Live
from rich.markup import escape

from cekalwatch.contract.values.people import PersonRole
from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.server.recognition.engines.recogniser import Recogniser
from cekalwatch.server.recognition.packs.installed import open_engine
from cekalwatch.vision.manifest import load_pack
from deploy.demo.faces import built_in_people, people_of_folder
from deploy.demo.look_alike import look_alike
from deploy.demo.office.cameras import pass_again
from deploy.demo.office.desktop import show_desktop
from deploy.demo.office.officers import add_officer
from deploy.demo.office.web_console import WebConsole, web_console
from deploy.demo.people import Person, Role
from deploy.demo.play import SUN, Demonstration, Outcome, play
from deploy.demo.report import ACCOUNTS, around_box, show_event, show_outcome, show_people, step
from deploy.demo.run_folder import run_folder
from deploy.demo.scene import Scene, people_passing
from deploy.demo.stack import Stack, install_standard

BUILD = Path("build")
LOCAL_TIME = ZoneInfo("Asia/Jakarta")
"""Batam's clock: it decides which orders are in force."""
VIEWER = "kepala"
VIEWERS_ROLES = [role for role in PersonRole if role not in {PersonRole.OFFICER, PersonRole.AUDITOR}]
"""Of who looks at the web console: for every page but the audit trail, which no administrator sees."""
SAME_PICTURE = (
    "These people come from pictures in installed packages, one each: the list holds the same picture, mirrored, "
    "turned, blurred and compressed. This shows that the chain works, not how well faces are recognised; "
    "`make demo FACES=DIR` uses different photographs."
)


def main(
    console: Console, faces: Path | None, folder: Path, models: Path, *, desktop: bool = False, keep: bool = False
) -> Exit:
    """Prepare and play the demonstration in `folder`, and say how it went.

    With `desktop` it is shown on the windows of an officer's PC, until somebody ends it; with `keep` server,
    web console and cameras go on until then, also after a comparison that failed.
    """
    people, recogniser = prepared_people(console, faces, folder, models)
    with step(console, "Making watchlist and videos"):
        demo = demonstration(folder, models, people, recogniser)
        if desktop:
            demo = replace(demo, blinded=None)  # nobody at the windows watches the second camera
        demo.prepare(datetime.now(LOCAL_TIME).date())
    show_people(console, demo)
    if not faces:
        console.print(SAME_PICTURE)
    return show_desktop(console, demo) if desktop else perform(console, demo, keep=keep)


def prepared_people(
    console: Console, faces: Path | None, folder: Path, models: Path
) -> tuple[list[Person], Recogniser]:
    """Install the model pack, and return the people of `faces` or the built-in ones."""
    with step(console, "Installing the model pack (the first time it is fetched and built)"):
        install_standard(models, folder / "logs")
    with step(console, "Making people"):
        engine = open_engine(load_pack(models / "standard"), threads=os.cpu_count() or 1)
        if faces:
            return people_of_folder(faces, engine.detector, console.print), engine.recogniser
        people = built_in_people(engine.detector)
    return people, engine.recogniser


def demonstration(folder: Path, models: Path, people: Sequence[Person], recogniser: Recogniser) -> Demonstration:
    """Return the demonstration of these people: first somebody like the first of them, who passes twice."""
    listed, second, *rest = people
    strangers = [person for person in rest if person.role is Role.UNLISTED]
    like = look_alike(listed, min(strangers, key=lambda person: person.sex != listed.sex), recogniser)
    # The real person is not in view together with the look-alike, so that it is known whose alert it is.
    scene = people_passing([like, second, listed, *rest], again=[listed])
    return Demonstration(folder, models, [*people, like], scene, Scene((), lasts_s=scene.seconds, blinded_s=SUN))


def perform(console: Console, demo: Demonstration, *, keep: bool = False) -> Exit:
    """Play a prepared demonstration, show and save what came, and say how it went."""
    seconds = demo.scene.seconds
    console.print(f"Server, notifier and camera start; the video takes {seconds:.0f} s. Logs: {demo.folder}/logs")
    with Stack(demo.site) as stack, ThreadPoolExecutor() as pool:
        adding = pool.submit(add_officer, VIEWER, stack.config.site, stack.config_file, *VIEWERS_ROLES)
        with web_console(stack) as pages:
            first = adding.result()
            outcome: Outcome | None = None
            try:
                outcome = _compare(console, demo, stack)
            except ProgramError as error:
                if not keep:
                    raise
                console.print(f"[bold red]The comparison failed:[/] {escape(str(error))}", highlight=False)
            if keep:
                _keep(console, demo, stack, pages, first)
    if outcome is None or not outcome.passed:
        return Exit.FAILED
    console.print(
        "What next: make demo KEEP=1 lets you look around; docs/two-ports.md sets it up for an office.", highlight=False
    )
    return Exit.OK


def _compare(console: Console, demo: Demonstration, stack: Stack) -> Outcome:
    outcome = play(stack, demo, lambda record: show_event(console, demo.people, record))
    outcome.save(demo.folder / "summary.json")
    show_outcome(console, demo.people, outcome)
    return outcome


def _keep(console: Console, demo: Demonstration, stack: Stack, pages: WebConsole, first: str) -> None:
    with step(console, "Adding an account for each role"), ThreadPoolExecutor(os.cpu_count()) as pool:
        site, config = stack.config.site, stack.config_file
        adding = {one: pool.submit(add_officer, one.name, site, config, one.role) for one in ACCOUNTS}
        passwords = {account: password.result() for account, password in adding.items()}
    box = around_box(pages.address, passwords, (VIEWER, first))
    with Live(box, console=console, auto_refresh=False) if console.is_terminal else nullcontext():
        if not console.is_terminal:
            console.print(box)
        pass_again(stack, demo.videos, pages.program)
    pages.program.check()


def add_faces_option(parser: argparse.ArgumentParser) -> None:
    """Let people bring their own photographs."""
    parser.add_argument(
        "--faces",
        type=Path,
        help="folder with one sub-folder a person, at least 3 photographs in each; the first is listed",
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m deploy.demo", description=__doc__)
    add_faces_option(parser)
    parser.add_argument("--desktop", action="store_true", help="show it on the windows of an officer's PC, and stay")
    parser.add_argument("--keep", action="store_true", help="let server, web console and cameras go on until Ctrl-C")
    return parser.parse_args()


def run(perform: Callable[[Console], Exit]) -> NoReturn:
    """Run a demonstration on the terminal, and end this program as it ends."""
    screen = Console()
    signal.signal(signal.SIGTERM, _end)
    try:
        sys.exit(perform(screen))
    except ProgramError as error:
        screen.print(f"[bold red]Error:[/] {escape(str(error))}", highlight=False)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)


def _end(number: int, _: FrameType | None) -> NoReturn:
    # An exception, so that the programs that were started are stopped on the way out.
    sys.exit(128 + number)


if __name__ == "__main__":
    chosen = _arguments()
    with run_folder(BUILD / "demo") as own:
        run(lambda screen: main(screen, chosen.faces, own, BUILD / "models", desktop=chosen.desktop, keep=chosen.keep))
