"""`cekalwatch-server models`: install, import, list and verify model packs."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskProgressColumn, TextColumn

from cekalwatch.program.cli.prompts import without_secret
from cekalwatch.program.cli.shared_options import with_options
from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.server.cli.options import Config, ModelsDir, command_settings
from cekalwatch.server.cli.output import whole_table

if TYPE_CHECKING:
    from cekalwatch.vision.manifest import Pack

app = typer.Typer(help="Model packs: install, import, list, verify.", no_args_is_help=True)

Builder = Callable[[Path, Callable[[str], None]], "Pack"]
"""Fetches, builds and writes a pack into the folder of packs; its argument reports each step."""
Force = Annotated[bool, typer.Option("--force", help="Replace a pack of that name, even a sound one.")]


def _models_dir(config: Path | None, models_dir: Path | None) -> Path:
    return command_settings(config, models_dir=models_dir).models_path


_with_models_dir = with_options(_models_dir, config=Config, models_dir=ModelsDir)

_UNSTATED_LICENCE = "not stated; the person who imported the pack answers for it"


@app.command(
    epilog="Examples:\n\n"
    "  cekalwatch-server models install standard\n\n"
    "  cekalwatch-server models install buffalo_l --accept-license\n\n"
    "  cekalwatch-server models install buffalo_s --accept-license --url https://files.example/buffalo_s.zip"
)
@_with_models_dir
def install(
    folder: Path,
    name: Annotated[str, typer.Argument(help="standard, light, accurate, buffalo_l, buffalo_s or antelopev2.")],
    accept_license: Annotated[bool, typer.Option("--accept-license", help="Accept the licence that is shown.")] = False,
    url: Annotated[
        str | None,
        typer.Option(callback=without_secret, help="Where to fetch the archive of an InsightFace pack."),
    ] = None,
    sha256: Annotated[
        str | None, typer.Option(help="SHA-256 that the archive must have; the pinned one when not given.")
    ] = None,
    force: Force = False,
) -> None:
    """Install a model pack: from the package cekalwatch-models where that is installed, or from the network.

    A sound pack of that name is kept.
    """
    from cekalwatch.program.settings import SHIPPED_PACKS
    from cekalwatch.server.recognition.packs import installed as packs
    from cekalwatch.server.recognition.packs import published as published_packs

    builders = _builders()
    if name not in (*builders, *published_packs.PUBLISHED):
        known = ", ".join((*builders, *published_packs.PUBLISHED))
        raise ProgramError(
            f"There is no pack {name!r} to install. There are: {known}. For others: models import.", Exit.USAGE
        )
    if not force and _is_sound(folder, name):
        typer.echo(f"{name} is installed already, and sound: {packs.pack_folder(folder, name)}")
        return
    if name in builders:
        if url or sha256:
            raise ProgramError(f"{name} is built from packages; it takes neither --url nor --sha256", Exit.USAGE)
        if (shipped := SHIPPED_PACKS / name).is_dir():
            pack = packs.import_pack(shipped, folder, name, _UNSTATED_LICENCE)
            typer.echo(
                f"{name} installed from {shipped}: {pack.folder} ({pack.model_version}). Licence: {pack.licence}"
            )
            return
        _build(folder, name, *builders[name])
    else:
        typer.echo(f"Licence of {name}: {published_packs.LICENCE}")
        if not accept_license:
            raise ProgramError("The licence was not accepted. If it may be, add --accept-license.", Exit.USAGE)
        address = url or published_packs.RELEASE_URL.format(name=name)
        _install_published(folder, name, address, sha256 or published_packs.PUBLISHED[name])


@app.command(
    "import",
    epilog="Examples:\n\n"
    "  cekalwatch-server models import ./antelopev2\n\n"
    "  cekalwatch-server models import ./licensed-pack --name licensed --license 'contract 17/2026'",
)
@_with_models_dir
def import_(
    folder: Path,
    path: Annotated[Path, typer.Argument(help="Folder: a pack with manifest.json, or one in InsightFace's layout.")],
    name: Annotated[str | None, typer.Option(help="Name of the pack; the folder's name when not given.")] = None,
    license_text: Annotated[
        str, typer.Option("--license", help="Licence of a pack in InsightFace's layout, for the manifest.")
    ] = _UNSTATED_LICENCE,
    force: Force = False,
) -> None:
    """Copy a model pack into the folder of packs, with a manifest."""
    from cekalwatch.server.recognition.packs import installed as packs

    wanted = name or path.resolve().name.lower()
    target = packs.pack_folder(folder, wanted)
    if target.exists() and not force:
        raise ProgramError(f"{target} exists. Add --force to replace it, or give another --name.", Exit.FAILED)
    pack = packs.import_pack(path, folder, wanted, license_text)
    typer.echo(f"{pack.name} imported: {target} ({pack.model_version})")


@app.command("list", epilog="Example:\n\n  cekalwatch-server models list")
@_with_models_dir
def list_(folder: Path) -> None:
    """Show the installed model packs. Files are not checked; see verify."""
    from cekalwatch.server.recognition.packs import installed as packs
    from cekalwatch.vision.manifest import PackError

    found = packs.installed(folder)
    if not found:
        typer.echo(f"No model pack in {folder}. Run: cekalwatch-server models install standard")
        return
    rows: list[tuple[str, ...]] = []
    for entry in found:
        pack = packs.describe(entry)
        if isinstance(pack, PackError):
            rows.append((entry.name, "damaged", "", "", "", "", str(pack)))
        else:
            size = str(pack.recogniser.size)
            rows.append(
                (pack.name, pack.version, pack.engine, pack.detector.kind, size, pack.model_version, pack.licence)
            )
    columns = ("Name", "Version", "Engine", "Detector", "Template", "Model version", "Licence")
    Console().print(whole_table(columns, rows))


@app.command(
    epilog="Examples:\n\n  cekalwatch-server models verify\n\n  cekalwatch-server models verify standard",
)
@_with_models_dir
def verify(
    folder: Path,
    name: Annotated[str | None, typer.Argument(help="Name of one pack; all when not given.")] = None,
) -> None:
    """Compare the files of installed packs with the checksums of their manifests."""
    from cekalwatch.server.recognition.packs import installed as packs
    from cekalwatch.vision.manifest import PackError

    if name is None and not packs.installed(folder):
        raise ProgramError(f"No model pack in {folder}. Run: cekalwatch-server models install standard", Exit.CONFIG)

    def report(pack: str, error: PackError | None) -> None:
        typer.echo(f"{pack}: {'sound' if error is None else error}")

    if not packs.check_all(folder, [name] if name else [], report):
        raise ProgramError("Not every pack is sound.", Exit.CONFIG)


def _is_sound(folder: Path, name: str) -> bool:
    from cekalwatch.server.recognition.packs import installed as packs
    from cekalwatch.vision.manifest import PackError

    try:
        packs.load_named(folder, name)
    except PackError:
        return False
    return True


def _builders() -> dict[str, tuple[Builder, int]]:
    """Return what builds packs from packages, by the pack's name, each with its number of steps."""
    from cekalwatch.server.recognition.packs import accurate, light, standard

    return {
        standard.NAME: (standard.install_standard, standard.STEPS),
        light.NAME: (light.install_light, light.STEPS),
        accurate.NAME: (accurate.install_accurate, accurate.STEPS),
    }


def _build(folder: Path, name: str, builder: Builder, steps: int) -> None:
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(name, total=steps)
        begun = 0

        def step(what: str) -> None:
            nonlocal begun
            progress.update(task, completed=begun, description=what)
            begun += 1

        pack = builder(folder, step)
        progress.update(task, completed=steps, description="done")
    typer.echo(f"{name} installed: {pack.folder} ({pack.model_version}). Licence: {pack.licence}")


def _install_published(folder: Path, name: str, url: str, sha256: str) -> None:
    from cekalwatch.server.recognition.packs import installed as packs
    from cekalwatch.server.recognition.packs import published as published_packs

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with tempfile.TemporaryDirectory(prefix="cekalwatch-") as temporary:
        archive, unpacked = Path(temporary) / "pack.zip", Path(temporary) / name
        unpacked.mkdir()
        with Progress(*columns, console=Console(stderr=True)) as progress:
            task = progress.add_task(name, total=None)

            def report(state: published_packs.Progress) -> None:
                progress.update(task, completed=state.received, total=state.total)

            published_packs.download(url, archive, report, sha256)
        published_packs.unpack(archive, unpacked)
        pack = packs.import_pack(unpacked, folder, name, published_packs.LICENCE)
    typer.echo(f"{name} installed: {pack.folder} ({pack.model_version})")
