from __future__ import annotations

from pathlib import Path

import pytest

from cekalwatch.evaluation.collection import read_collection
from cekalwatch.evaluation.evaluation import with_references
from cekalwatch.program.errors import Exit, ProgramError


def touch(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    return folder


def test_a_folder_has_people_and_their_passages(tmp_path: Path):
    touch(tmp_path, "ani/2.jpg", "ani/1.PNG", "ani/cam/b.jpg", "ani/cam/a.jpg", "budi/1.jpg")
    touch(tmp_path, "readme.txt", "ani/notes.txt", ".hidden/1.jpg", "ani/.thumb.jpg")
    found = read_collection(tmp_path)
    assert [(one.person, one.name, one.passage) for one in found.photographs] == [
        ("ani", "ani/1.PNG", None),
        ("ani", "ani/2.jpg", None),
        ("ani", "ani/cam/a.jpg", "cam"),
        ("ani", "ani/cam/b.jpg", "cam"),
        ("budi", "budi/1.jpg", None),
    ]
    assert found.people == 2


def test_everybody_can_be_listed_who_has_one_photograph_as_well(tmp_path: Path):
    touch(tmp_path, "ani/1.jpg", *(f"budi/{number}.jpg" for number in range(1, 5)), "citra/1.jpg", "citra/2.jpg")
    as_reference = {one.name for one, chosen in with_references(read_collection(tmp_path).photographs) if chosen}
    assert as_reference == {"ani/1.jpg", "budi/1.jpg", "budi/2.jpg", "budi/3.jpg", "citra/1.jpg"}


def test_a_csv_says_who_is_on_what(tmp_path: Path):
    file = tmp_path / "faces.csv"
    file.write_text(
        "\ufeffimage,person,passage,group\nx/1.jpg,ani,,women\n/abs/2.jpg,budi,,men\nx/3.jpg,ani,t1,women\n",
        encoding="utf-8",
    )
    found = read_collection(file).photographs
    assert [(one.person, one.passage, one.group) for one in found] == [
        ("ani", None, "women"),
        ("ani", "t1", "women"),
        ("budi", None, "men"),
    ]
    assert [one.path for one in found] == [tmp_path / "x/1.jpg", tmp_path / "x/3.jpg", Path("/abs/2.jpg")]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("image,who\n1.jpg,ani\n", "columns image and person"),
        ("image,person,age\n1.jpg,ani,3\n", "columns image and person"),
        ("image,person\n1.jpg,\n", "line 2"),
        ("image,person\n1.jpg,ani\n2.jpg,ani,extra\n", "line 3"),
        ("image,person\n", "no photographs"),
        ("", "it has none"),
    ],
)
def test_a_csv_that_cannot_be_used_says_why(tmp_path: Path, text: str, said: str):
    file = tmp_path / "faces.csv"
    file.write_text(text)
    with pytest.raises(ProgramError, match=said) as caught:
        read_collection(file)
    assert caught.value.exit_code is Exit.NO_INPUT


def test_a_csv_in_another_encoding_is_no_traceback(tmp_path: Path):
    (tmp_path / "faces.csv").write_bytes("image,person\n1.jpg,Señor\n".encode("latin-1"))
    with pytest.raises(ProgramError, match="UTF-8"):
        read_collection(tmp_path / "faces.csv")


@pytest.mark.parametrize("name", ["nowhere", "empty"])
def test_nothing_to_read_is_said(tmp_path: Path, name: str):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ProgramError) as caught:
        read_collection(tmp_path / name)
    assert caught.value.exit_code is Exit.NO_INPUT


def test_people_can_be_left_out_by_name(tmp_path: Path):
    found = read_collection(touch(tmp_path, "ani/1.jpg", "budi/1.jpg"))
    assert [one.person for one in found.without(frozenset({"ani"})).photographs] == ["budi"]
    with pytest.raises(ProgramError, match=r"Nobody .* citra"):
        found.without(frozenset({"citra"}))


def test_a_folder_says_who_belongs_to_which_group(tmp_path: Path):
    touch(tmp_path, "ani/1.jpg", "ani/cam/a.jpg", "budi/1.jpg", "citra/1.jpg")
    (tmp_path / "groups.csv").write_text("person,group\nani,women\nbudi,men\n", encoding="utf-8")
    found = read_collection(tmp_path).photographs
    assert [(one.person, one.group) for one in found] == [
        ("ani", "women"),
        ("ani", "women"),
        ("budi", "men"),
        ("citra", ""),
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name,group\nani,women\n", "columns person and group"),
        ("person,group\nanni,women\n", "line 2"),
        ("person,group\nani,women\nani,men\n", "line 3"),
        ("person,group\nani,\n", "line 2"),
        ("person,group\nani,women,old\n", "line 2"),
    ],
)
def test_groups_that_name_nobody_or_twice_are_refused(tmp_path: Path, text: str, said: str):
    touch(tmp_path, "ani/1.jpg")
    (tmp_path / "groups.csv").write_text(text, encoding="utf-8")
    with pytest.raises(ProgramError, match=said) as refused:
        read_collection(tmp_path)
    assert refused.value.exit_code is Exit.NO_INPUT
