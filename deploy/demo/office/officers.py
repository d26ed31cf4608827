"""People of the demonstration: one a PC, added and signed in with the programs' own commands."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Mapping
from pathlib import Path

from cekalwatch.contract.values.people import PersonRole
from cekalwatch.program.errors import ProgramError
from deploy.demo.programs import answer_prompts

COMMAND_SECONDS = 60.0


def add_officer(
    name: str, site: str, server_config: Path, *roles: PersonRole, python: str | Path = sys.executable
) -> str:
    """Add somebody, an officer unless `roles` are given, or give one who is there another first password.

    Returns that password. Raises ProgramError.
    """
    facts = ["--display-name", f"Petugas {name}", "--site", site]
    for role in roles or (PersonRole.OFFICER,):
        facts += ["--role", role]
    try:
        return _people("add", name, *facts, config=server_config, python=python)
    except ProgramError as refused:
        try:
            return _people("reset", name, config=server_config, python=python)
        except ProgramError:
            raise refused from None  # nobody of that name is there


def sign_officer_in(
    agent_id: str,
    site: str,
    server_config: Path,
    server_address: str,
    environment: Mapping[str, str],
    role: PersonRole = PersonRole.OFFICER,
    server_python: str | Path = sys.executable,
    client_python: str | Path = sys.executable,
) -> None:
    """Sign the person of a PC in, changing the first password. Raises ProgramError."""
    first = add_officer(agent_id, site, server_config, role, python=server_python)
    wanted = secrets.token_urlsafe(16)
    arguments = ["-m", "cekalwatch.notifier", "sign-in", "--server", server_address, "--agent-id", agent_id]
    answer_prompts("sign-in", arguments, (agent_id, first, wanted, wanted), COMMAND_SECONDS, environment, client_python)


def _people(*arguments: str, config: Path, python: str | Path) -> str:
    command = ["-m", "cekalwatch.server", "people", *arguments, "--config", str(config)]
    return answer_prompts(f"people {arguments[0]}", command, (), COMMAND_SECONDS, python=python)
