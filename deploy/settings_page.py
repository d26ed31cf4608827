"""Prints docs/settings.md: every setting of the programs. `make settings-page` writes it.

python -m deploy.settings_page
"""

from __future__ import annotations

from cekalwatch.camera.settings import CameraSettings
from cekalwatch.console.settings import ConsoleSettings
from cekalwatch.gateway.settings import GatewaySettings
from cekalwatch.notifier.settings import NotifierSettings
from cekalwatch.program.cli.settings_command import markdown
from cekalwatch.program.settings import Settings
from cekalwatch.server.settings.settings import ServerSettings

PROGRAMS: dict[str, type[Settings]] = {
    "cekalwatch-server": ServerSettings,
    "cekalwatch-camera": CameraSettings,
    "cekalwatch-notifier": NotifierSettings,
    "cekalwatch-console": ConsoleSettings,
    "cekalwatch-gateway": GatewaySettings,
}

HEAD = """# Settings

<!-- Written by `make settings-page` from the descriptions in the code; do not edit it by hand. -->

Each program takes its settings from, in rising order: the defaults, a TOML file, environment variables, the options of
a command, and on Windows the policies of the domain ([windows-administration.md](windows-administration.md)).

The file is that of `--config FILE` or `<PREFIX>CONFIG`, else `/etc/cekalwatch/server.toml` (`camera.toml`,
`notifier.toml`, `console.toml`, `gateway.toml`; on Windows in `C:/ProgramData/cekalwatch`), else the same name in
`~/.config/cekalwatch`. Each command says on standard error which file it has read.

The server's `listen` is `CEKALWATCH_SERVER_LISTEN` in the environment, `period_seconds` of `[watchlist.sync]` is
`CEKALWATCH_SERVER_WATCHLIST__SYNC__PERIOD_SECONDS`; lists and tables are JSON there. An unknown setting is an error,
and so is a value outside its bounds. `~` is the home of the account under which the program runs. A setting with a new
name is read by its old one for one release; each start and `check` say so. `cekalwatch-server settings` shows what the
server uses, and where each value comes from; `--format toml` prints a file to start from. Other programs do the same.
"""


def page() -> str:
    """Return the page."""
    parts = [HEAD]
    for program, settings in PROGRAMS.items():
        prefix = settings.model_config.get("env_prefix")
        parts.append(f"## {program}\n\nEnvironment variables begin with `{prefix}`.\n\n{markdown(settings)}")
        parts.append(_old_names(settings))
    return _once("\n".join(parts))


def _once(page: str) -> str:
    """Say a setting that several tables have in the same words in the first of them, and name it in the others."""
    said, lines, table, program = dict[str, str](), list[str](), "", ""
    again: dict[str, list[str]] = {}
    for line in (*page.split("\n"), ""):
        if line.startswith("## "):
            program = line.removeprefix("## ")
        if line.startswith("#"):
            table = line.strip("# ") if line.startswith("## ") else f"{line.strip('# ')} of {program}"
        if line.count(" | ") >= 3 and line.startswith("| `") and (of := said.setdefault(line, table)) != table:
            again.setdefault(of, []).append(line.split(" | ")[0].removeprefix("| "))
            continue
        if again and not line.startswith("|"):
            if lines[-1].startswith("| ---"):
                del lines[-2:]
            elif lines[-1]:
                lines.append("")
            lines += [f"As in {of.removesuffix(f' of {program}')}: {', '.join(names)}." for of, names in again.items()]
            again = {}
        lines.append(line)
    return "\n".join(lines[:-1])


def _old_names(settings: type[Settings]) -> str:
    if not settings.old_names:
        return ""
    rows = "\n".join(f"| `{old}` | `{key}` |" for old, key in settings.old_names.items())
    return f"### Old names\n\nIn 0.2.0:\n\n| setting | new name |\n| --- | --- |\n{rows}\n"


if __name__ == "__main__":
    print(page(), end="")
