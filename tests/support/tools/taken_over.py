"""What runs in a decoder that was taken over: `taken_over.py VICTIM FOLDER` tries each call, and prints what came of it.

A line is the attempt's name, and `ok` or the error's. It runs confined, so it is alone in its file. What would reach
further than the victim, the folder and this process is not tried: where the defence was taken out, it would be done.
"""

# ruff: noqa: E501, PTH101, PTH102, PTH104, PTH106, PTH108, PTH211

from __future__ import annotations

import ctypes
import errno
import os
import platform
import signal
import sys
from collections.abc import Callable

VICTIM, FOLDER = int(sys.argv[1]), sys.argv[2].encode()
KEY, BUS = FOLDER + b"/master.key", FOLDER + b"/bus"
LIBC = ctypes.CDLL(None, use_errno=True)
BUFFER = ctypes.create_string_buffer(4096)
SIGNAL = signal.SIGTERM
NUMBERS = {
    "x86_64": {
        "rt_sigqueueinfo": 129, "rt_tgsigqueueinfo": 297, "tkill": 200, "pidfd_send_signal": 424, "ioprio_set": 251,
        "sched_setattr": 314, "fchmodat2": 452, "io_uring_setup": 425, "open_tree": 428, "fsopen": 430,
        "mount_setattr": 442, "keyctl": 250, "add_key": 248, "request_key": 249, "bpf": 321, "perf_event_open": 298,
        "userfaultfd": 323, "pidfd_getfd": 438, "process_madvise": 440, "process_mrelease": 448, "kcmp": 312,
        "move_pages": 279, "migrate_pages": 256, "setxattrat": 463, "removexattrat": 466, "openat2": 437,
        "execveat": 322, "clone3": 435, "memfd_create": 319, "seccomp": 317, "landlock_create_ruleset": 444,
        "open_by_handle_at": 304, "name_to_handle_at": 303, "x32_kill": 0x40000000 + 62,
        "x32_setpriority": 0x40000000 + 141, "fanotify_init": 300, "mq_open": 240, "lookup_dcookie": 212,
        "ptrace": 101,
    },
    "aarch64": {
        "rt_sigqueueinfo": 138, "rt_tgsigqueueinfo": 240, "tkill": 130, "pidfd_send_signal": 424, "ioprio_set": 30,
        "sched_setattr": 274, "fchmodat2": 452, "io_uring_setup": 425, "keyctl": 219, "pidfd_getfd": 438,
        "ptrace": 117, "process_madvise": 440, "setxattrat": 463, "openat2": 437, "execveat": 281, "clone3": 435,
        "memfd_create": 279,
    },
}[platform.machine()]  # fmt: skip


def number_of(name: str, *arguments: object) -> None:
    """Make a call by its number."""
    if (found := LIBC.syscall(ctypes.c_long(NUMBERS[name]), *arguments)) < 0:
        raise OSError(ctypes.get_errno(), name)
    if name == "clone3" and not found:
        os._exit(0)


def of_libc(name: str, *arguments: object) -> None:
    """Make a call of libc that returns -1, or NULL, when it fails."""
    if getattr(LIBC, name)(*arguments) == -1:
        raise OSError(ctypes.get_errno(), name)


def connected(family: int, kind: int, address: object) -> None:
    import socket

    with socket.socket(family, kind) as made:
        made.connect(address)  # type: ignore[arg-type]  # of any family


def owned(command: int) -> None:
    """Let a pipe's events be sent to the victim, as a signal that ends it."""
    import fcntl

    reading, writing = os.pipe()
    fcntl.fcntl(reading, command, VICTIM)
    fcntl.fcntl(reading, 10, SIGNAL)
    fcntl.fcntl(reading, fcntl.F_SETFL, os.O_ASYNC)
    os.write(writing, b"x")


def forked() -> None:
    if not os.fork():
        os._exit(0)


def started() -> None:
    if os.system("true"):  # noqa: S605
        raise OSError(errno.EPERM, "system")


def siginfo() -> ctypes.Array[ctypes.c_char]:
    made = ctypes.create_string_buffer(128)
    ctypes.memmove(made, (ctypes.c_int * 3)(SIGNAL, 0, -2), 12)
    return made


def attempts() -> dict[str, Callable[[], object]]:
    """Each attempt by its name."""
    import fcntl
    import resource
    import socket

    info, key = siginfo(), os.fsdecode(KEY)
    at = ctypes.c_int(-100)
    tried: dict[str, Callable[[], object]] = {
        "kill": lambda: os.kill(VICTIM, SIGNAL),
        "kill_all": lambda: os.kill(-VICTIM, SIGNAL),
        "killpg": lambda: os.killpg(os.getpgid(VICTIM), 0),
        "kill_group_of_1": lambda: os.kill(1, 0),
        "tkill": lambda: number_of("tkill", VICTIM, SIGNAL),
        "tgkill": lambda: of_libc("tgkill", VICTIM, VICTIM, SIGNAL),
        "rt_sigqueueinfo": lambda: number_of("rt_sigqueueinfo", VICTIM, SIGNAL, info),
        "rt_tgsigqueueinfo": lambda: number_of("rt_tgsigqueueinfo", VICTIM, VICTIM, SIGNAL, info),
        "sigqueue": lambda: of_libc("sigqueue", VICTIM, SIGNAL, None),
        "pidfd_open": lambda: os.pidfd_open(VICTIM),
        "pidfd_send_signal": lambda: number_of("pidfd_send_signal", os.pidfd_open(VICTIM), SIGNAL, None, 0),
        "pidfd_getfd": lambda: number_of("pidfd_getfd", 3, 0, 0),
        "F_SETOWN": lambda: owned(8),
        "F_SETOWN_EX": lambda: fcntl.fcntl(0, 15, bytes((ctypes.c_int * 2)(1, VICTIM))),
        "F_SETSIG": lambda: fcntl.fcntl(0, 10, SIGNAL),
        "F_SETLEASE": lambda: fcntl.fcntl(0, 1024, 0),
        "F_NOTIFY": lambda: fcntl.fcntl(0, 1026, 1),
        "FIOSETOWN": lambda: fcntl.ioctl(0, 0x8901, (ctypes.c_int * 1)(VICTIM)),
        "TIOCSTI": lambda: fcntl.ioctl(0, 0x5412, b"x"),
        "TIOCSCTTY": lambda: fcntl.ioctl(0, 0x540E, 1),
        "setpriority": lambda: os.setpriority(os.PRIO_PROCESS, VICTIM, 19),
        "sched_setscheduler": lambda: os.sched_setscheduler(VICTIM, os.SCHED_IDLE, os.sched_param(0)),
        "sched_setparam": lambda: os.sched_setparam(VICTIM, os.sched_param(0)),
        "sched_setaffinity": lambda: os.sched_setaffinity(VICTIM, {min(os.sched_getaffinity(0))}),
        "sched_setaffinity_own": lambda: os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}),
        "sched_setattr": lambda: number_of("sched_setattr", VICTIM, b"\x30\0\0\0\x05" + bytes(43), 0),
        "ioprio_set": lambda: number_of("ioprio_set", 1, VICTIM, 3 << 13),
        "prlimit": lambda: resource.prlimit(VICTIM, resource.RLIMIT_NOFILE, (3, 3)),
        "prlimit_read": lambda: resource.prlimit(VICTIM, resource.RLIMIT_NOFILE),
        "setpgid": lambda: os.setpgid(VICTIM, VICTIM),
        "ptrace": lambda: number_of("ptrace", 16, VICTIM, 0, 0),
        "ptrace_seize": lambda: number_of("ptrace", 0x4206, VICTIM, 0, 0),
        "process_vm_readv": lambda: of_libc("process_vm_readv", VICTIM, None, 0, None, 0, 0),
        "process_vm_writev": lambda: of_libc("process_vm_writev", VICTIM, None, 0, None, 0, 0),
        "process_madvise": lambda: number_of("process_madvise", 3, None, 0, 0, 0),
        "unshare_user": lambda: of_libc("unshare", 0x10000000),
        "setns": lambda: of_libc("setns", 0, 0),
        "chroot": lambda: os.chroot("/"),
        "mount": lambda: of_libc("mount", b"none", FOLDER, b"tmpfs", 0, None),
        "umount2": lambda: of_libc("umount2", FOLDER, 0),
        "chmod": lambda: os.chmod(key, 0o644),
        "chmod_folder": lambda: os.chmod(FOLDER, 0),
        "fchmodat": lambda: of_libc("fchmodat", at, KEY, 0o644, 0),
        "fchmodat2": lambda: number_of("fchmodat2", at, KEY, 0o644, 0),
        "fchmod": lambda: os.fchmod(0, 0),
        "chown": lambda: os.chown(key, os.getuid(), os.getgid()),
        "lchown": lambda: os.lchown(key, os.getuid(), os.getgid()),
        "fchown": lambda: os.fchown(0, os.getuid(), os.getgid()),
        "utime": lambda: os.utime(key, (0, 0)),
        "utimensat": lambda: os.utime(key, ns=(0, 0)),
        "setxattr": lambda: os.setxattr(key, "user.a", b"b"),
        "lsetxattr": lambda: os.setxattr(key, "user.a", b"b", follow_symlinks=False),
        "setxattrat": lambda: number_of("setxattrat", at, KEY, 0, b"user.a", None, 0),
        "removexattr": lambda: os.removexattr(key, "user.a"),
        "listxattr": lambda: os.listxattr(key),
        "unlink": lambda: os.unlink(key),
        "rename": lambda: os.rename(key, key + "2"),
        "link": lambda: os.link(key, key + "2"),
        "symlink": lambda: os.symlink(key, key + "2"),
        "mkdir": lambda: os.mkdir(FOLDER + b"/new"),
        "rmdir": lambda: os.rmdir(FOLDER),
        "mknod": lambda: os.mknod(FOLDER + b"/pipe", 0o010600),
        "truncate": lambda: os.truncate(key, 0),
        "open_truncate": lambda: os.open(key, os.O_RDONLY | os.O_TRUNC),
        "open_write": lambda: os.open(key, os.O_WRONLY),
        "open_create": lambda: os.open(FOLDER + b"/new", os.O_CREAT | os.O_WRONLY),
        "open_temporary": lambda: os.open(FOLDER, os.O_TMPFILE | os.O_RDWR),
        "openat2": lambda: number_of("openat2", at, KEY, BUFFER, 24),
        "flock": lambda: fcntl.flock(0, fcntl.LOCK_EX | fcntl.LOCK_NB),
        "lockf": lambda: fcntl.lockf(1, fcntl.LOCK_EX | fcntl.LOCK_NB),
        "inotify": lambda: of_libc("inotify_init1", 0),
        "name_to_handle_at": lambda: of_libc("name_to_handle_at", at, KEY, BUFFER, BUFFER, 0),
        "statfs": lambda: os.statvfs(FOLDER),
        "unix_path": lambda: connected(socket.AF_UNIX, socket.SOCK_STREAM, BUS),
        "unix_datagram": lambda: connected(socket.AF_UNIX, socket.SOCK_DGRAM, BUS),
        "unix_abstract": lambda: connected(socket.AF_UNIX, socket.SOCK_STREAM, b"\0bus"),
        "netlink": lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0).bind((0, 0)),
        "packet": lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW),
        "raw": lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1),
        "vsock": lambda: socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM),
        "socketpair": socket.socketpair,
        "fork": forked,
        "clone3": lambda: number_of("clone3", BUFFER, 88),
        "spawn": lambda: os.waitpid(os.posix_spawn("/bin/true", ["true"], {}), 0),
        "system": started,
        "memfd_create": lambda: os.memfd_create("code"),
        "setsid": os.setsid,
        "setuid": lambda: os.setuid(os.getuid()),
        "setgroups": lambda: os.setgroups([]),
        "prctl_dumpable": lambda: of_libc("prctl", 4, 1, 0, 0, 0),
        "prctl_subreaper": lambda: of_libc("prctl", 36, 1, 0, 0, 0),
        "setitimer": lambda: signal.setitimer(signal.ITIMER_REAL, 60),
        "timer_create": lambda: of_libc("timer_create", 0, None, BUFFER),
        "getpgid_victim": lambda: os.getpgid(VICTIM),
        "personality": lambda: of_libc("personality", 0xFFFFFFFF),
        "mlockall": lambda: of_libc("mlockall", 1),
    }
    done = {"tkill", "ptrace", "openat2", "clone3"} | tried.keys()
    return tried | {
        f"number_{name}": lambda name=name: number_of(name, VICTIM, 0, 0, 0, 0) for name in NUMBERS if name not in done
    }


def main() -> None:
    for name, attempt in attempts().items():
        try:
            attempt()
        except (OSError, PermissionError) as error:
            said = errno.errorcode.get(error.errno or 0, "none")
        except (AttributeError, ValueError, OverflowError):
            said = "none"
        else:
            said = "ok"
        sys.stdout.write(f"{name} {said}\n")
        sys.stdout.flush()


main()
