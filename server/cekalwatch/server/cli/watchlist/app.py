"""The commands of `cekalwatch-server watchlist` in one place."""

from __future__ import annotations

import typer

from cekalwatch.server.cli.watchlist import checking, deletion, importing, looking, syncing

app = typer.Typer(
    help="The watchlist: import it, synchronise it, look at it, delete a subject from it.", no_args_is_help=True
)
app.command("import", epilog=importing.EPILOG)(importing.import_)
app.command(epilog=deletion.EPILOG)(deletion.delete)
app.command("check-source", epilog=checking.EPILOG)(checking.check_source)
app.add_typer(syncing.app, name="sync")
app.command("list", epilog=looking.LIST_EPILOG)(looking.list_)
app.command(epilog=looking.SHOW_EPILOG)(looking.show)
app.command(epilog=looking.HISTORY_EPILOG)(looking.history)
