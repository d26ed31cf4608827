from __future__ import annotations

import stat
from contextlib import closing
from pathlib import Path

import pytest

from cekalwatch.notifier.delivery import inbox as inbox_module
from cekalwatch.notifier.delivery.inbox import Arrival, Inbox
from cekalwatch.program.errors import Exit, ProgramError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "inbox.sqlite3"


def test_event_is_new_once_even_across_restarts(path: Path) -> None:
    first = Inbox(path)
    assert first.arrival(7, "a") is Arrival.NEW
    first.record(7, "a")
    first.mark_shown(7)
    assert first.arrival(7, "a") is Arrival.KNOWN
    first.close()
    second = Inbox(path)
    assert second.arrival(7, "a") is Arrival.KNOWN
    assert second.newest_sequence() == 7
    second.close()


def test_event_of_an_alert_that_was_recorded_with_a_later_one_is_known(path: Path) -> None:
    with closing(Inbox(path)) as inbox:
        inbox.record(7, "a")
        assert inbox.arrival(5, "a") is Arrival.KNOWN
        assert inbox.arrival(5, "b") is Arrival.NEW
        assert inbox.arrival(8, "a") is Arrival.NEW


def test_event_that_was_not_marked_stays_uncertain_until_its_alert_is_listed_again(path: Path) -> None:
    first = Inbox(path)
    for sequence, alert_id in ((1, "late"), (2, "early"), (3, "late"), (4, "shown")):
        first.record(sequence, alert_id)
    first.mark_shown(4)
    first.close()
    second = Inbox(path)
    assert second.uncertain_alerts() == ("late", "early")
    second.settle("late")
    assert second.uncertain_alerts() == ("early",)
    assert second.arrival(3, "late") is Arrival.KNOWN
    second.close()


def test_sequence_of_another_alert_tells_that_the_log_is_another(path: Path) -> None:
    inbox = Inbox(path)
    inbox.record(1, "a")
    assert inbox.arrival(1, "b") is Arrival.OTHER_LOG
    inbox.clear()
    assert inbox.newest_sequence() == 0
    assert inbox.arrival(1, "b") is Arrival.NEW
    inbox.close()


def test_only_this_user_can_read_the_record_and_its_journal(path: Path) -> None:
    inbox = Inbox(path)
    inbox.record(1, "a")
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    assert set(modes.values()) == {0o600}
    assert len(modes) > 1, "the journal is looked at too"
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    inbox.close()


def test_second_notifier_of_the_same_agent_is_refused(path: Path) -> None:
    inbox = Inbox(path)
    with pytest.raises(ProgramError, match="choose another --agent-id") as caught:
        Inbox(path)
    assert caught.value.exit_code is Exit.UNAVAILABLE
    inbox.close()
    Inbox(path).close()


def test_damaged_record_is_said_with_what_to_do(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"no database" * 1000)
    with pytest.raises(ProgramError, match="delete it"):
        Inbox(path)


def test_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ProgramError, match="cannot keep its record"):
        Inbox(tmp_path / "file" / "inbox.sqlite3")


def test_record_is_bounded_and_keeps_what_is_uncertain(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox_module, "MAX_EVENTS", 10)
    monkeypatch.setattr(inbox_module, "_PRUNE_EVERY", 5)
    inbox = Inbox(path)
    for sequence in range(1, 51):
        inbox.record(sequence, f"alert-{sequence}")
        if sequence != 2:
            inbox.mark_shown(sequence)
    assert inbox.arrival(1, "alert-1") is Arrival.NEW, "pruned"
    assert inbox.arrival(41, "alert-41") is Arrival.KNOWN
    assert inbox.uncertain_alerts() == ("alert-2",)
    inbox.close()


def test_a_full_disk_is_told_in_a_sentence(tmp_path: Path) -> None:
    with closing(Inbox(tmp_path / "inbox.sqlite3")) as inbox:
        inbox._database.execute("PRAGMA max_page_count = 1")  # no more than there is
        with pytest.raises(ProgramError, match=r"disk is full\. Make room") as caught:
            for sequence in range(1, 10_000):
                inbox.record(sequence, f"alert {sequence}")
        assert caught.value.exit_code is Exit.UNAVAILABLE
