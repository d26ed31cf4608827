"""Whether a server may begin with a gallery: one that finds nobody looks as well as one that works (domain rule 11)."""

from __future__ import annotations

from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.server.gallery.model_follower import trusted_choice
from cekalwatch.server.gallery.snapshot import GallerySnapshot
from cekalwatch.server.storage.models.store import Coverage, ModelStore
from cekalwatch.vision.manifest import Pack


def check_complete(snapshot: GallerySnapshot, pack: Pack, models: ModelStore) -> None:
    """Raise ProgramError, which says what to run, when people are missing from the gallery that should be in it.

    That is so when the settings name another model than the one whose templates are there, and when nobody can be
    searched because templates or orders are gone or damaged. A list without any photograph of somebody to search
    begins, since photographs may be imported through the server; it answers cameras when there is one.
    """
    coverage = models.coverage(pack.model_version)
    if coverage.missing and trusted_choice(models) is None:
        others = [one for one in models.coverages() if one.missing < coverage.missing]
        if others:
            raise _other_model(pack, coverage, min(others, key=lambda one: one.missing))
    if snapshot.blind and (coverage.missing or snapshot.unusable_templates or snapshot.people.unreadable):
        raise _nobody(snapshot, pack, coverage)


def _other_model(pack: Pack, coverage: Coverage, other: Coverage) -> ProgramError:
    return ProgramError(
        f"The settings name the model pack {pack.name}, of which {coverage.missing} reference faces have no template; "
        f"they have templates of {other.model_version}. Set model_pack to the pack of that model again, and change the "
        f"model with: cekalwatch-server gallery rebuild --pack {pack.name}, then gallery switch --pack {pack.name} "
        "(docs/changing-the-model.md).",
        Exit.CONFIG,
    )


def _nobody(snapshot: GallerySnapshot, pack: Pack, coverage: Coverage) -> ProgramError:
    return ProgramError(
        f"Nobody would be searched: of {snapshot.people.searched} people with an order in force or to come, none has a "
        f"usable template ({coverage.missing} are missing, {snapshot.unusable_templates} damaged), and of "
        f"{snapshot.people.unreadable} people not all orders can be read. Missing templates are made by: "
        f"cekalwatch-server gallery rebuild --pack {pack.name}. For what is damaged, restore a backup, or import the "
        "list with its photographs again: cekalwatch-server watchlist import.",
        Exit.DATA_PROBLEMS,
    )
