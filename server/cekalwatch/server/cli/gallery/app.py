"""The commands of `cekalwatch-server gallery` in one place."""

from __future__ import annotations

import typer

from cekalwatch.server.cli.gallery import comparing, rebuilding, status, switching

app = typer.Typer(
    help="The templates: changing to another model, and back. See docs/changing-the-model.md.", no_args_is_help=True
)
app.command(epilog=rebuilding.EPILOG)(rebuilding.rebuild)
app.command(epilog=comparing.EPILOG)(comparing.compare)
app.command(epilog=switching.SWITCH_EPILOG)(switching.switch)
app.command(epilog=switching.BACK_EPILOG)(switching.back)
app.command(epilog=switching.DROP_EPILOG)(switching.drop)
app.command(epilog=status.EPILOG)(status.status)
