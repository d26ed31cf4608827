"""Practice with pairs of faces: who is drawn, what counts as right, and that nothing is kept."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from cekalwatch.contract.values.adjudication import Step
from cekalwatch.notifier.training.pairs import PAIRS, FacePair, draw_pairs
from cekalwatch.notifier.training.practice import Practice, PracticeScore
from cekalwatch.program.errors import Exit, ProgramError
from tests.support.builders.practice_faces import practice_folder
from tests.support.tools.shared import shared_faces


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return practice_folder(tmp_path_factory.mktemp("faces") / "consenting")


def chance(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311  # no secret


def test_nobody_appears_twice_and_nobody_can_count_which_pairs_are_left(folder: Path) -> None:
    persons = {file.read_bytes(): file.parent.name for file in folder.glob("*/*.jpg")}
    numbers = set[int]()
    for seed in range(40):
        pairs = draw_pairs(folder, chance=chance(seed))
        assert len(pairs) == PAIRS
        for pair in pairs:
            assert pair.one != pair.other
            assert pair.same is (persons[pair.one] == persons[pair.other])
        people = [frozenset({persons[pair.one], persons[pair.other]}) for pair in pairs]
        assert len(frozenset().union(*people)) == sum(map(len, people))
        numbers.add(sum(pair.same for pair in pairs))
    assert numbers == {8, 9, 10, 11, 12}
    firsts = {draw_pairs(folder, chance=chance(seed))[0].same for seed in range(9)}
    assert firsts == {True, False}, "in no order"


def test_photographs_that_cannot_be_shown_are_left_out_and_too_few_people_are_said(
    tmp_path: Path,
) -> None:
    few = practice_folder(tmp_path / "few", people=32)
    for person in list(few.iterdir())[:9]:
        (person / "0.jpg").write_bytes(b"no picture")
        (person / "1.jpg").unlink()
    with pytest.raises(ProgramError, match="has 23 people with a photograph that can be shown") as caught:
        draw_pairs(few)
    assert caught.value.exit_code is Exit.NO_INPUT
    with pytest.raises(ProgramError, match="cannot be read"):
        draw_pairs(tmp_path / "nowhere")


def test_photographs_of_people_make_pairs() -> None:
    pairs = draw_pairs(shared_faces() / "lfw", count=4)
    assert all(pair.one[:2] == pair.other[:2] == b"\xff\xd8" for pair in pairs)


def test_the_first_answer_counts_and_each_kind_of_pair_is_counted_by_itself() -> None:
    practice = Practice([FacePair(b"1", b"2", same=same) for same in (True, True, True, False, False)])
    for first in (Step.REFER, Step.NOT_SAME, Step.CANNOT_TELL, Step.NOT_SAME, Step.REFER):
        number = practice.number
        practice.go_on()
        assert practice.number == number, "not before an answer"
        practice.take(first)
        practice.take(Step.REFER)
        practice.go_on()
    assert practice.pair is None
    practice.take(Step.REFER)
    assert practice.score(same=True) == PracticeScore(3, 1, 1)
    assert practice.score(same=False) == PracticeScore(2, 1, 0)
