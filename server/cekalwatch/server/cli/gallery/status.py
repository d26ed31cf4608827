"""`gallery status`: which models there are templates of."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from cekalwatch.server.cli.gallery.opening import Config, DataDir, opened

EPILOG = "Example:\n\n  cekalwatch-server gallery status --config /etc/cekalwatch/server.toml"


def status(config: Config = None, data_dir: DataDir = None) -> None:
    """Show each model's templates: how many there are, are missing, and cannot be made; and which model is in use."""
    with opened(config, data_dir) as work:
        in_use, chosen = work.in_use(), work.models.chosen()
        coverages = work.models.coverages()
        if in_use.model_version not in {one.model_version for one in coverages}:
            coverages.append(work.models.coverage(in_use.model_version))
    table = Table("Model", "Templates", "Missing", "Refused", "State")
    for one in coverages:
        state = ""
        if one.model_version == in_use.model_version:
            state = "in use"
        elif chosen and one.model_version == chosen.previous.model_version:
            state = "in use before"
        table.add_row(one.model_version, str(one.templates), str(one.missing), str(one.refused), state)
    Console().print(table)
