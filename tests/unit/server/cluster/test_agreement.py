"""A server that would decide otherwise than the others of its database does not start, and says what to do."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from cekalwatch.program.errors import Exit, ProgramError
from cekalwatch.server.cluster.peers import MAX_CLOCK_DIFFERENCE, check_agreement
from cekalwatch.server.domain.presence import ReportedRun, ServerRun
from cekalwatch.server.foundation.refusals import StartRefusal, StartRefusedError

T0 = datetime(2026, 11, 26, 9, 0, tzinfo=UTC)
LAW = {"legal.urgent_days": "20", "sites.batam-center": "Asia/Jakarta"}
MYSELF = ServerRun("b", "server-2", "10.0.0.2:7443", "1.0", "standard-1", LAW, T0)


def told(ahead: timedelta = timedelta(), *, alive: bool = True, **facts: object) -> ReportedRun:
    run = replace(MYSELF, **{"run_id": "a", "name": "server-1", "address": "10.0.0.1:7443"} | facts)  # type: ignore[arg-type]
    return ReportedRun(run, T0, alive, ahead, {}, {})


def refusal(*others: ReportedRun, ahead: timedelta = timedelta(), chosen: bool = False) -> str:
    with pytest.raises(ProgramError) as caught:
        check_agreement(MYSELF, ahead, others, model_chosen=chosen)
    assert caught.value.exit_code is Exit.CONFIG
    return str(caught.value)


def test_servers_that_decide_alike_work_together() -> None:
    check_agreement(MYSELF, timedelta(seconds=1), [told(), told(version="1.1")], model_chosen=False)


@pytest.mark.parametrize(("here", "there"), [("0.3.0", "0.1.9"), ("0.1.9", "0.3.0"), ("1.0.0", "0.9.0")])
def test_versions_that_are_more_than_one_minor_version_apart_are_refused(here: str, there: str) -> None:
    with pytest.raises(StartRefusedError, match=f"with the version {there} .* and this one is {here}") as caught:
        check_agreement(replace(MYSELF, version=here), timedelta(), [told(version=there)], model_chosen=False)
    assert caught.value.reason is StartRefusal.VERSION


@pytest.mark.parametrize(("here", "there"), [("0.2.0", "0.3.4"), ("0.3.4", "0.2.0"), ("0.2.0", "0.2.9")])
def test_versions_next_to_each_other_work_together(here: str, there: str) -> None:
    check_agreement(replace(MYSELF, version=here), timedelta(), [told(version=there)], model_chosen=False)


def test_another_law_is_refused_and_each_figure_named() -> None:
    message = refusal(told(law=LAW | {"legal.urgent_days": "14"}))
    assert "The server server-1 at 10.0.0.1:7443" in message
    assert "legal.urgent_days is 14 there and 20 here" in message
    assert "same [legal] and [[sites]]" in message
    assert "sites.sekupang is Asia/Jakarta there and none here" in refusal(
        told(law=LAW | {"sites.sekupang": "Asia/Jakarta"})
    )


def test_another_model_is_refused_unless_the_database_names_the_model() -> None:
    other = told(model_version="light-1")
    message = refusal(other)
    assert "the model light-1, and this one would use standard-1" in message
    assert "`model_pack`" in message
    check_agreement(MYSELF, timedelta(), [other], model_chosen=True)  # it is changing to it


def test_clocks_that_are_apart_are_refused_whichever_is_wrong() -> None:
    little = timedelta(milliseconds=100)
    message = refusal(told(), ahead=MAX_CLOCK_DIFFERENCE + little)
    assert "2.1 s apart: this one is 2.1 s ahead of the database's, the other 0.0 s ahead" in message
    assert "NTP" in message
    assert "the other 2.1 s behind" in refusal(told(-MAX_CLOCK_DIFFERENCE - little))
    # Both are as far from the database's: they judge alike.
    check_agreement(MYSELF, timedelta(seconds=60), [told(timedelta(seconds=61))], model_chosen=False)


def test_who_died_and_who_this_server_was_before_its_end_does_not_count() -> None:
    law = LAW | {"legal.urgent_days": "14"}
    check_agreement(MYSELF, timedelta(), [told(alive=False, law=law)], model_chosen=False)
    before = told(law=law, name=MYSELF.name)
    check_agreement(MYSELF, timedelta(), [before], model_chosen=False)
