"""Places that the examples of commands name, in the form of this system."""

from __future__ import annotations

import sys
from typing import Final

ON_A_STICK: Final = "E:\\" if sys.platform == "win32" else "/media/usb/"
"""What a file's name on a USB stick begins with."""
ON_THE_DISK: Final = "D:\\" if sys.platform == "win32" else "/srv/"
"""What a folder's name begins with that a technician makes."""
