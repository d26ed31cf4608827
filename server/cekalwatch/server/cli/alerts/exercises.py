"""`cekalwatch-server exercises`: staff who agreed to be an exercise's traveller (rule 16)."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.server.cli.options import (
    audit_entry,
    signed_by_two,
    with_quiet_context,
)

if TYPE_CHECKING:
    from cekalwatch.server.wiring.storage import Context

app = typer.Typer(help="Exercises: passages of staff who agreed in writing (rule 16).", no_args_is_help=True)

COUNTED_DAYS = 30


@app.command(epilog="Example:\n\n  cekalwatch-server exercises show")
@with_quiet_context
def show(context: Context) -> None:
    """Show when exercises come, their subjects, and how those of the last 30 days ended, by counter."""
    store, now = context.stores.exercises, context.clock.now()
    setting, subjects = store.setting(), store.subjects()
    counts = store.counts(now - timedelta(days=COUNTED_DAYS), None)
    shifts = ", ".join(map(str, setting.shifts))
    typer.echo(f"{setting.a_shift} a counter in each of the shifts {shifts}" if shifts else "There are no exercises")
    for one in subjects:
        typer.echo(f"{one.subject_id}  {one.name}, consent {one.consent}, until {one.until:%Y-%m-%d}")
    for counter, ends in sorted(counts.items()):
        typer.echo(f"counter {counter}: " + ", ".join(f"{count} {end.lower()}" for end, count in sorted(ends.items())))


ADD_EPILOG = (
    "Example:\n\n  cekalwatch-server exercises add reference.jpg crop-1.jpg --name 'Sari Dewi'"
    " --consent 'W.12/34 of 2026-11-02' --until 2027-10-31"
)


@app.command(epilog=ADD_EPILOG)
@with_quiet_context
def add(
    context: Context,
    photographs: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE", help="The reference photograph, and 1 to 4 pictures that are played.", dir_okay=False
        ),
    ],
    name: Annotated[str, typer.Option(metavar="NAME", help="Name of the member of staff.")],
    consent: Annotated[str, typer.Option(metavar="LETTER", help="Number and date of the letter in which they agreed.")],
    until: Annotated[
        datetime,
        typer.Option(metavar="YYYY-MM-DD", help="Last day of the consent, a year ahead at most.", formats=["%Y-%m-%d"]),
    ],
) -> None:
    """List a member of staff who agreed in writing. It asks for both people as well."""
    import uuid6

    from cekalwatch.contract.values.people import TwoPersonAction
    from cekalwatch.server.audit.entry import Action, ObjectKind, both_keys
    from cekalwatch.server.domain.exercises import MAX_CONSENT, MAX_PICTURES, MIN_PICTURES, ExerciseSubject

    if not MIN_PICTURES <= len(photographs) <= MAX_PICTURES + 1:
        raise ProgramError(f"Give a reference photograph and 1 to {MAX_PICTURES} pictures to play", Exit.USAGE)
    if not name.strip() or not consent.strip():
        raise ProgramError("Give the name, and the letter of consent", Exit.USAGE)
    zone = context.settings.home.zone
    ends = (until + timedelta(days=1)).replace(tzinfo=zone)
    now = context.clock.now()
    if not now < ends <= now + MAX_CONSENT:
        raise ProgramError(
            f"--until {until:%Y-%m-%d}: the last day of a consent is today or later, and at most a year ahead",
            Exit.USAGE,
        )
    pictures = _pictures(context, photographs)
    subject_id = str(uuid6.uuid7())
    day = f"{until:%Y-%m-%d}"
    people = signed_by_two(
        context, TwoPersonAction.SET_EXERCISES, "SIGN_EXERCISE_SUBJECT", name=name, consent=consent, until=day
    )
    named = (ObjectKind.SUBJECT.key(subject_id), *both_keys(people))
    entry = audit_entry(context, Action.EXERCISE_SUBJECT_ADDED, named, until=day, pictures=len(pictures))
    subject = ExerciseSubject(subject_id, name, consent, ends, len(pictures) - 1)
    context.stores.exercises.add_subject(subject, pictures, entry)
    typer.echo(f"Listed as {subject_id}, until {day}")


@app.command(epilog="Example:\n\n  cekalwatch-server exercises remove 01938d5e-8c3f-7a4b-9d2e-5f6a7b8c9d0e")
@with_quiet_context
def remove(
    context: Context, subject_id: Annotated[str, typer.Argument(metavar="ID", help="Their ID, as `show` has it.")]
) -> None:
    """Erase a member of staff with their pictures, at once. One person suffices: a consent is taken back like this."""
    from cekalwatch.server.audit.entry import Action, ObjectKind

    entry = audit_entry(context, Action.EXERCISE_SUBJECT_ERASED, (ObjectKind.SUBJECT.key(subject_id),))
    gone = context.stores.exercises.erase([subject_id], context.actor, entry)
    if not gone:
        raise ProgramError(
            f"No member of staff is listed as {subject_id!r}; `cekalwatch-server exercises show` has the IDs",
            Exit.USAGE,
        )
    typer.echo("Erased, with the pictures")


def _pictures(context: Context, photographs: list[Path]) -> list[bytes]:
    """Return the faces of the photographs; raises ProgramError for one that cannot be used, or of another face."""
    from cekalwatch.server.foundation.errors import CekalwatchError
    from cekalwatch.server.gallery.model_follower import open_pack, pack_in_use, searched_model
    from cekalwatch.server.recognition.enrolment import Enroller
    from cekalwatch.server.recognition.photographs import PhotographDecoder

    pack = pack_in_use(context.settings, context.stores.models)
    engine = open_pack(context.settings, pack)
    model = searched_model(context.settings, context.stores.thresholds, pack)
    threshold = model.threshold(max(1, context.stores.field.listed())).value
    decoder = PhotographDecoder(1)
    try:
        enroller = Enroller(engine.detector, engine.recogniser, decode=decoder.decode)
        found = []
        for path in photographs:
            try:
                found.append(enroller.enrol(path.read_bytes()))
            except OSError as error:
                raise ProgramError(f"Cannot read {path}: {error.strerror}", Exit.USAGE) from None
            except CekalwatchError as error:
                raise ProgramError(f"{path}: {error.public_message}", Exit.DATA_PROBLEMS) from None
    finally:
        decoder.close()
    reference, *played = found
    for path, one in zip(photographs[1:], played, strict=True):
        if one.template @ reference.template < threshold:
            raise ProgramError(
                f"{path}: not alike enough with the reference photograph for an alert", Exit.DATA_PROBLEMS
            )
    return [one.face_jpeg for one in found]
