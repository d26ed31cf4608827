"""Where the whole machine's files are, and places that the examples of commands name, in the form of this system."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

ON_A_STICK: Final = "E:\\" if sys.platform == "win32" else "/media/usb/"
"""What a file's name on a USB stick begins with."""
ON_THE_DISK: Final = "D:\\" if sys.platform == "win32" else "/srv/"
"""What a folder's name begins with that a technician makes."""


CAPTURE_SERVICE: Final = "cekalwatch-camera"
"""Name of the service of capture hosts with Windows; its account is NT SERVICE\\ with this name."""


PROGRAMS: Final = {"notifier": "Cekalwatch.exe", "camera": "Cekalwatch-camera.exe"}
"""What an installer for Windows starts them by, in their folders; they take Python's arguments."""


def machine_folder() -> Path:
    """Return the folder of the settings of the whole machine; on Windows, in all users' program data."""
    if sys.platform != "win32":
        return Path("/etc/cekalwatch")
    import platformdirs

    return platformdirs.site_config_path("cekalwatch", appauthor=False)


def capture_service_log() -> Path:
    """Return where the service of a capture host with Windows logs."""
    return machine_folder() / "camera" / "Logs" / f"{CAPTURE_SERVICE}.log"
