"""Who can get at a file: modes on POSIX systems, access control lists on Windows.

Both are asked with the mode bits that must not be set. On Windows the group's bits stand for accounts that the list
names; those of others for accounts that everybody has, such as Users.
"""

from __future__ import annotations

import shlex
import stat
import sys
from collections.abc import Iterable
from pathlib import Path

from cekalwatch.program.platform.places import CAPTURE_SERVICE

ALL_OTHERS = 0o077
"""Nobody but the owner gets at it."""
OTHERS_OR_WRITING = 0o027
"""The group, or accounts that the list names, may read it."""


def make_folder(folder: Path) -> None:
    """Make a folder, and those above it, for this account only; one that is there stays as it is. Raises OSError.

    On Windows, in a folder that the installer has made for the service of a capture host, for that too.
    """
    if sys.platform != "win32":
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return
    from cekalwatch.program.platform.windows import access_lists

    if not folder.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        if access_lists.is_of_machine(folder) and not access_lists.others(folder.parent, ALL_OTHERS):
            access_lists.copy(folder.parent, folder)  # Windows does that by itself, Wine does not
        else:
            access_lists.keep_to_owner(folder)


def make_system_folder(folder: Path) -> None:
    """Make a folder that all accounts of the machine read and only its administrators change. Raises OSError."""
    new = not folder.is_dir()
    folder.mkdir(parents=True, exist_ok=True)
    if sys.platform == "win32" and new:
        from cekalwatch.program.platform.windows import access_lists

        access_lists.keep_to_administrators(folder)


def may_administer() -> bool:
    """Return whether this process may change what all accounts of the machine use; on POSIX systems, modes say so."""
    if sys.platform != "win32":
        return True
    from cekalwatch.program.platform.windows import access_lists

    return access_lists.is_administrator()


def lacks_rights() -> bool:
    """Return whether an administrator of Windows has started this process without their rights."""
    if sys.platform != "win32":
        return False
    from cekalwatch.program.platform.windows import access_lists

    return access_lists.lacks_rights()


def keep_to_owner(path: Path) -> None:
    """Take a file or folder away from all but this account, and on Windows the system. Raises OSError."""
    if sys.platform != "win32":
        path.chmod(0o700 if path.is_dir() else 0o600)
        return
    from cekalwatch.program.platform.windows import access_lists

    access_lists.keep_to_owner(path)


def take_over_access(draft: Path, file: Path) -> None:
    """Give the draft of a secret file its access on Windows, before anything is written into it. Raises OSError.

    That of the file which it replaces; else only the owner's, unless it is among the machine's program data, where who
    installs decides by the list of the folder. Elsewhere the draft has its mode from the beginning.
    """
    if sys.platform != "win32":
        return
    from cekalwatch.program.platform.windows import access_lists

    if file.exists():
        access_lists.copy(file, draft)
    elif access_lists.is_of_machine(file):
        access_lists.copy(file.parent, draft)  # Windows does that by itself, Wine does not
    else:
        access_lists.keep_to_owner(draft)


def shared_with(path: Path, mode: int, forbidden: int = ALL_OTHERS) -> str:
    """Return what lets others get at `path`, its mode or the accounts on Windows; empty when nothing does.

    `mode` is what stat() gave. Raises OSError.
    """
    if sys.platform != "win32":
        found = stat.S_IMODE(mode)
        return f"mode {found:04o}" if found & forbidden else ""
    from cekalwatch.program.platform.windows import access_lists

    return ", ".join(access_lists.others(path, forbidden))


def forbidden_at(path: Path) -> int:
    """Return what others may not do with a secret there: on Windows, administrators let accounts read the machine's."""
    if sys.platform == "win32":
        from cekalwatch.program.platform.windows import access_lists

        if access_lists.is_of_machine(path):
            return OTHERS_OR_WRITING
    return ALL_OTHERS


def unreadable_by_service(files: Iterable[Path]) -> dict[Path, str]:
    """Return the files that the service of a capture host with Windows may not read, with the command that lets it.

    Raises OSError.
    """
    if sys.platform != "win32":
        return {}
    from cekalwatch.program.platform.windows import access_lists

    account = access_lists.service_sid(CAPTURE_SERVICE)
    return {
        file: f'icacls "{file}" /grant "*{account}:R"' for file in files if not access_lists.lets_read(file, account)
    }


def described(path: Path, mode: int) -> str:
    """Return in words who can get at `path`, as the system says it. Raises OSError."""
    if sys.platform != "win32":
        return f"mode {stat.S_IMODE(mode):04o}"
    from cekalwatch.program.platform.windows import access_lists

    return f"only {', '.join(access_lists.named(path))}"


def remedy(path: Path, mode: str = "") -> str:
    """Return the command that takes `path` away from others; `mode`: on POSIX systems, if not the owner's only."""
    if sys.platform != "win32":
        return f"chmod {mode or ('700' if path.is_dir() else '600')} {shlex.quote(str(path))}"
    from cekalwatch.program.platform.windows import access_lists

    inherited = "(OI)(CI)" if path.is_dir() else ""
    if not access_lists.is_of_machine(path):
        grants = " ".join(f'"{who}:{inherited}F"' for who in ("%USERNAME%", "*S-1-5-18", "*S-1-5-32-544"))
        return f'icacls "{path}" /inheritance:r /grant:r {grants}'
    # What a service or an officer reads goes on to be theirs: only those are taken out who may not be there.
    others = " ".join(f'"{name}"' for name in access_lists.others(path, OTHERS_OR_WRITING))
    service = f"*{access_lists.service_sid(CAPTURE_SERVICE)}"
    return f'icacls "{path}" /inheritance:d /remove:g {others} /grant "{service}:{inherited}R"'


def not_to_believe(path: Path) -> str:
    """Return why what is in `path` may be anybody's: whose it is, or who can change it; empty when it is trusted.

    Everybody may make folders in Windows' program data, so the first who comes could give all programs their settings.
    On POSIX systems only root makes folders where the machine's settings are. Raises OSError.
    """
    if sys.platform != "win32":
        return ""
    from cekalwatch.program.platform.windows import access_lists

    if owner := access_lists.foreign_owner(path):
        return f"{path} belongs to {owner}, and not to an administrator"
    if writers := access_lists.others(path, 0o022):
        return f"{', '.join(writers)} can change {path}"
    return ""
