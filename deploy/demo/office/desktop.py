"""`make demo-desktop`: the demonstration on the windows of an officer's PC, until somebody ends it or them."""

from __future__ import annotations

import os
import sys
from concurrent.futures import ThreadPoolExecutor

from rich.console import Console

from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.wire.identity import DeviceRole
from deploy.demo.office.cameras import pass_again
from deploy.demo.office.notifier import notifier_paths
from deploy.demo.office.officers import add_officer
from deploy.demo.play import CAMERA, OFFICER, Demonstration, load_list
from deploy.demo.programs import Program
from deploy.demo.stack import Stack, StackConfig

PAUSE_S = 20.0
"""Between the end of the video and its next beginning."""
ENDS_S = 0.5


def show_desktop(console: Console, demo: Demonstration) -> Exit:
    """Start the site and the agent's windows, say how to sign in, and let the video pass again and again.

    Raises ProgramError when there is no screen, or a program fails.
    """
    if sys.platform == "linux" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        raise ProgramError("There is no screen here: DISPLAY is not set; `make demo` needs none", Exit.UNAVAILABLE)
    with Stack(StackConfig(demo.folder, demo.models, cameras=(CAMERA,))) as stack:
        with ThreadPoolExecutor() as pool:  # each takes seconds
            importing = pool.submit(load_list, stack, demo)
            adding = pool.submit(add_officer, OFFICER, stack.config.site, stack.config_file)
            paths = notifier_paths(demo.folder, stack.certificate(DeviceRole.NOTIFIER, OFFICER))
            importing.result()
            password = adding.result()
        arguments = ["-m", "cekalwatch.notifier", "desktop", "--server", stack.address, "--agent-id", OFFICER]
        with Program("desktop", arguments, stack.logs, environment=paths) as agent:
            console.print(f"Sign in on the window as [bold]{OFFICER}[/] with the first password [bold]{password}[/].")
            console.print("Travellers pass again and again. Ctrl-C ends it all.")
            pass_again(stack, {CAMERA.camera_id: demo.video}, agent, PAUSE_S)
        if agent.wait(ENDS_S):
            agent.check()
    return Exit.OK
