"""`cekalwatch-server evaluate` and `thresholds` as a person runs them."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import stat
import subprocess
from collections.abc import Callable
from contextlib import closing
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cekalwatch.contract.values.adjudication import Outcome, Reason
from cekalwatch.contract.values.orders import Direction
from cekalwatch.contract.values.people import PersonRole
from cekalwatch.evaluation import templates
from cekalwatch.evaluation.templates import TemplateCache
from cekalwatch.program.errors import Exit
from cekalwatch.server.cli.app import app
from cekalwatch.server.domain.alerts.field_sums import PassageCount
from cekalwatch.server.encryption.master_key_source import KeyFile
from cekalwatch.server.storage.alerts.field_store import FieldStore
from cekalwatch.server.storage.database import Database
from cekalwatch.server.storage.models.threshold_store import ThresholdStore
from cekalwatch.vision.manifest import load_pack
from tests.support.builders.alerts import NOON
from tests.support.builders.keys import keyring
from tests.support.builders.learned import learned
from tests.support.builders.portraits import encoded, wall
from tests.support.builders.watchlist import FixedClock
from tests.support.scenarios.adjudication import Counter
from tests.support.tools.packs import light_pack
from tests.support.tools.programs import run_program
from tests.support.tools.shared import shared_faces

Command = Callable[..., subprocess.CompletedProcess[str]]

PEOPLE = 40


CHOSEN = {"CEKALWATCH_SERVER_MODEL_PACK": "light", "CEKALWATCH_SERVER_INFERENCE": "onnxruntime"}
"""It opens in a tenth of the time of what a server chooses by itself."""


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return run_program("server", *arguments, environment=os.environ | CHOSEN)


@cache
def people() -> tuple[tuple[str, tuple[bytes, ...]], ...]:
    """Some people of LFW with four photographs each."""
    folders = [path for path in sorted((shared_faces() / "lfw").iterdir()) if len(list(path.glob("*.jpg"))) > 3]
    return tuple(
        (path.name, tuple(file.read_bytes() for file in sorted(path.glob("*.jpg"))[:4])) for path in folders[:PEOPLE]
    )


@pytest.fixture
def faces(tmp_path: Path) -> Path:
    folder = tmp_path / "faces"
    for name, photographs in people():
        (folder / name).mkdir(parents=True)
        for number, data in enumerate(photographs):
            (folder / name / f"{number}.jpg").write_bytes(data)
    return folder


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """A folder of model packs of the test's own, since a fit changes its manifest."""
    shutil.copytree(light_pack(), tmp_path / "data" / "models" / "light")
    return tmp_path / "data"


@pytest.fixture(scope="module")
def known() -> TemplateCache:
    """The templates of the photographs that this process has read."""
    return TemplateCache()


@pytest.fixture
def here(known: TemplateCache, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Run a command in this process, where it reads no photograph twice."""
    monkeypatch.setattr(templates, "TemplateCache", lambda: known)

    def run_here(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        done = CliRunner().invoke(app, list(map(str, arguments)), env=CHOSEN)
        assert isinstance(done.exception, SystemExit | None), done.exception
        return subprocess.CompletedProcess(arguments, done.exit_code, done.stdout, done.stderr)

    return run_here


def evaluate(
    faces: Path, models: Path, *arguments: str | Path, by: Command = run
) -> tuple[subprocess.CompletedProcess[str], Any, str]:
    out = models / "report"
    done = by("evaluate", faces, "--out", out, "--data-dir", models, *arguments)
    assert (out / "evaluation.json").exists(), done.stderr
    return done, json.loads((out / "evaluation.json").read_text()), (out / "evaluation.html").read_text()


@pytest.mark.slow
def test_a_folder_of_people_becomes_a_report(faces: Path, models: Path):
    done, figures, page = evaluate(faces, models, "--fpir", "0.1", "--listed", "30")
    assert done.returncode == Exit.OK, done.stderr
    assert "At this setting expect" in done.stdout
    assert "Reading faces" in done.stderr
    assert (figures["people"], figures["photographs"], figures["listed"]) == (PEOPLE, 4 * PEOPLE, 30)
    assert figures["single_images"]["rank_1"] > 0.9
    (point,) = (each for each in figures["passages"]["operating_points"] if each["fpir"] == 0.1)
    assert 0 <= point["misses"]["low"] <= point["misses"]["value"] <= point["misses"]["high"] <= 0.3
    assert point["false_alerts"]["value"] <= 0.1
    assert len(figures["references"]) == 3
    assert page.count("<svg") >= 2
    assert "<script" not in page
    assert "src=" not in page
    assert "At this setting expect" in page
    assert stat.S_IMODE((models / "report" / "evaluation.html").stat().st_mode) == 0o600


@pytest.mark.slow
def test_the_same_seed_gives_the_same_figures_and_another_one_others(faces: Path, models: Path, here: Command):
    for folder in sorted(faces.iterdir())[16:]:
        shutil.rmtree(folder)

    def figures(seed: str, by: Command = here) -> Any:
        found = evaluate(faces, models, "--fpir", "0.2", "--listed", "8", "--draws", "2", "--seed", seed, by=by)[1]
        return {name: found[name] for name in ("single_images", "passages", "references", "look_alikes")}

    first = figures("1")
    assert figures("1", run) == first, "in another process, which reads all photographs itself"
    assert figures("2")["passages"]["det"] != first["passages"]["det"]


@pytest.mark.slow
def test_what_spoils_the_figures_is_named_and_names_in_the_page_are_text_and_nothing_else(
    faces: Path, models: Path, here: Command
):
    hostile = faces / "<img onerror=alert(1)>[red]"
    min(faces.iterdir()).rename(hostile)
    names = sorted(path.name for path in faces.iterdir())
    assert names[0] == hostile.name
    shutil.copy(hostile / "1.jpg", faces / names[1] / "9.jpg")
    shutil.copy(faces / names[2] / "1.jpg", faces / names[2] / "9.jpg")
    (faces / names[3] / "9.jpg").write_bytes(b"no picture")
    (faces / names[4] / "9.jpg").write_bytes(encoded(wall()))
    for photograph in sorted((faces / names[5]).iterdir())[1:]:
        photograph.unlink()
    done, figures, page = evaluate(faces, models, "--fpir", "0.1", by=here)
    assert done.returncode == Exit.DATA_PROBLEMS, done.stderr
    assert figures["same_picture_of_several_people"] == [[f"{names[0]}/1.jpg", f"{names[1]}/9.jpg"]]
    assert figures["same_picture_of_one_person"] == [[f"{names[2]}/1.jpg", f"{names[2]}/9.jpg"]]
    assert figures["failures_to_acquire"] == {"UNREADABLE": 1, "NO_FACE": 1}
    assert figures["people_with_one_photograph"] == 1
    assert {figures["look_alikes"][0]["person"], figures["look_alikes"][0]["listed"]} == set(names[:2])
    assert figures["look_alikes"][0]["as_one"]
    assert figures["left_out_of_threshold_model"] > 0
    assert "so the figures are wrong" in done.stdout
    assert "stand under two or more people" in page
    assert "<img" not in page
    assert "&lt;img onerror=alert(1)&gt;[red]/1.jpg" in page
    assert "[red]" in done.stdout


@pytest.mark.slow
def test_groups_and_passages_of_a_csv_have_figures_of_their_own(faces: Path, models: Path, here: Command):
    with (faces.parent / "faces.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(("image", "person", "passage", "group"))
        for number, folder in enumerate(sorted(faces.iterdir())):
            for position, path in enumerate(sorted(folder.iterdir())):
                passage = "gate" if position else ""
                writer.writerow((path.relative_to(faces.parent), folder.name, passage, "even" if number % 2 else "odd"))
    done, figures, page = evaluate(faces.parent / "faces.csv", models, "--fpir", "0.1", "--listed", "30", by=here)
    assert done.returncode == Exit.OK, done.stderr
    assert figures["passages"]["probes"] == PEOPLE
    groups = figures["passages"]["groups"]
    assert [each["group"] for each in groups] == ["even", "odd"]
    assert sum(each["false_alerts"]["trials"] for each in groups) == figures["passages"]["non_mated_searches"]
    assert "<td>even</td>" in page
    pairs = figures["group_pairs"]
    assert [(each["traveller"], each["listed"]) for each in pairs[1:]] == list(product(("even", "odd"), repeat=2))
    assert pairs[0]["mistaken"]["trials"] == sum(each["mistaken"]["trials"] for each in pairs[1:])
    assert "Who is taken for a stranger" in page
    assert "strangers, even taken for odd: FMR" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--fpir", "0.01"), Exit.NO_INPUT, "300 would be needed"),
        (("--fpir", "1.5"), Exit.USAGE, "between 0 and 1"),
        (("--fpir", "0.1", "--listed", "41"), Exit.USAGE, "40 people who can be listed"),
        (("--fpir", "0.1", "--leave-out", "nobody"), Exit.USAGE, "Nobody"),
        (("--model-pack", "other"), Exit.CONFIG, "models install"),
    ],
)
@pytest.mark.slow
def test_what_cannot_be_measured_is_refused_before_it_takes_time(
    faces: Path, models: Path, arguments: tuple[str, ...], code: Exit, said: str
):
    done = run("evaluate", faces, "--out", models / "report", "--data-dir", models, *arguments)
    assert done.returncode == code
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert not (models / "report").exists()


@pytest.mark.slow
def test_a_fit_goes_into_the_packs_manifest_and_says_what_it_keeps(models: Path, tmp_path: Path, here: Command):
    for folder in sorted((shared_faces() / "lfw").iterdir())[:230]:
        shutil.copytree(folder, tmp_path / "many" / folder.name)
    measured, figures, page = evaluate(tmp_path / "many", models, "--fpir", "0.05", "--crops", "1", by=here)
    before = load_pack(models / "models" / "light").thresholds
    done = run("thresholds", "fit", models / "report" / "evaluation.json", "--data-dir", models)
    assert done.returncode == Exit.OK, done.stderr
    after = load_pack(models / "models" / "light").thresholds
    assert after != before
    assert after.to_json() == figures["threshold_model"]
    assert (after.provenance.people, after.provenance.crops) == (230, 1)
    assert f"list of {after.list_size}: threshold" in done.stdout
    shown = run("thresholds", "show", "--data-dir", models)
    assert f"{after.threshold(1_000, 1e-3):.3f} *" in shown.stdout, "so few people cannot show one in a thousand"
    low, high = after.threshold_interval(1_000, 1e-3) or (0.0, 0.0)
    assert f"{low:.3f}-{high:.3f}" in shown.stdout
    assert after.in_words(1_000, 1e-3) in page
    begins = f"Extrapolation begins below an FPIR of {after.lowest_measured(100):.1g} in a list of 100,"
    assert begins in " ".join(shown.stdout.split())
    assert begins in page
    assert begins in " ".join(measured.stdout.split())


@pytest.mark.parametrize(
    ("change", "code", "said"),
    [
        ({"threshold_model": None}, Exit.DATA_PROBLEMS, "too few passages"),
        ({"format": 9}, Exit.NO_INPUT, "is no evaluation"),
        ({"threshold_model": {"list_size": 1}}, Exit.NO_INPUT, "is no evaluation"),
        ({"other_model": True}, Exit.CONFIG, "measured with"),
    ],
)
def test_a_run_that_gives_no_threshold_changes_nothing(models: Path, change: dict[str, Any], code: Exit, said: str):
    model = load_pack(light_pack()).thresholds.to_json()
    if change.pop("other_model", False):
        model["provenance"]["model_version"] = "other-12345678"
    file = models / "evaluation.json"
    file.write_text(json.dumps({"format": 1, "threshold_model": model, "threshold_checks": []} | change))
    before = (models / "models" / "light" / "manifest.json").read_bytes()
    done = run("thresholds", "fit", file, "--data-dir", models)
    assert done.returncode == code
    assert said in done.stderr
    assert (models / "models" / "light" / "manifest.json").read_bytes() == before


@pytest.mark.slow
def test_alerts_that_were_judged_tell_false_alerts_a_passage_and_another_threshold(tmp_path: Path):
    clock = FixedClock(NOON)
    with closing(Database(f"sqlite:///{tmp_path / 'cekalwatch.sqlite3'}")) as database:
        database.upgrade()
        desk = Counter(database, clock, keys=keyring(database, KeyFile(tmp_path / "master.key")))
        desk.list_subject()
        officer = desk.hire("ani", PersonRole.OFFICER)
        alert = desk.raise_alert()
        nothing_judged = run("evaluate", "alerts", "--data-dir", tmp_path)
        desk.claim(alert, officer)
        desk.judge(alert, officer, Outcome.NOT_SAME_PERSON, Reason.FACE_DIFFERS)
        FieldStore(database).add([PassageCount("dep-1", "batam-center", Direction.DEPARTURE, NOON, 4000)])
        assert ThresholdStore(database).learn(None, learned(desk.alerts.get(alert).model_version, 0.06), None)
    assert nothing_judged.returncode == Exit.NO_INPUT
    assert "judge some first" in nothing_judged.stderr
    out = tmp_path / "field.json"
    done = run("evaluate", "alerts", "--since", "2026-03-01", "--out", out, "--data-dir", tmp_path)
    assert done.returncode == Exit.OK, done.stderr
    assert "0.00025" in done.stdout
    assert "only 0 of 1 false alerts would have come" in " ".join(done.stdout.split())
    figures = json.loads(out.read_text())
    assert figures["whole"]["fpir"]["value"] == pytest.approx(1 / 4000)
    assert [line["key"] for line in figures["hours"]] == ["12:00"]
    assert figures["thresholds"][0]["alerts"] == 1
    (known,) = figures["learned"]
    assert (known["passages"], known["counting"], known["left_out"]) == (4_000, 3_600, ["dep-9"])
    assert [known[name] for name in ("packs", "threshold")] == pytest.approx([0.5, 0.56])
    assert known["interval"] == pytest.approx({"low": 0.53, "high": 0.58})
    page, groups = tmp_path / "field.html", tmp_path / "evaluation.json"
    assert run("evaluate", "alerts", "--page", page, "--data-dir", tmp_path).returncode == Exit.OK
    text = " ".join(page.read_text().split())
    assert "4,000 faces were seen, and 1 alerts raised. 0 were confirmed, 1 were about somebody else" in text
    assert "people on the list when this page was made</td><td>1</td>" in text
    assert "0.00025 (4.4e-05 to 0.0014)" in text
    assert "from the model pack&#39;s 0.500 to 0.560; what is wanted needs 0.530 to 0.580 (95 %)" in text
    assert "4,000 passages counted, 3,600 of them by weight, without dep-9, whose scores stand out" in text
    assert "what group a traveller belongs to is not recorded" in text
    assert not re.search(r"<script|src=|href=|S-1|ani", text), "it names nobody and needs no other address"
    rate = {"value": 0.02, "low": 0.015, "high": 0.03, "events": 2, "trials": 100}
    small = {"value": 0.001, "low": 0.0005, "high": 0.002, "events": 1, "trials": 1000}
    run_of_volunteers = {
        "source": "volunteers<b>",
        "model_version": "standard-1",
        "people": 50,
        "passages": {"groups": [{"group": "women", "misses": rate, "false_alerts": rate}]},
        "group_pairs": [
            {"traveller": "", "listed": "", "mistaken": small},
            {"traveller": "women", "listed": "women", "mistaken": rate},
        ],
    }
    groups.write_text(json.dumps(run_of_volunteers))
    with_groups = run("evaluate", "alerts", "--page", page, "--groups", groups, "--data-dir", tmp_path)
    assert with_groups.returncode == Exit.OK, with_groups.stderr
    text = " ".join(page.read_text().split())
    assert "<td>women</td><td>women</td><td>0.02 (0.015 to 0.03)</td> <td>more often than average</td>" in text
    assert "volunteers&lt;b&gt;" in text
    groups.write_text(json.dumps(run_of_volunteers | {"passages": {"groups": []}}))
    without = run("evaluate", "alerts", "--page", page, "--groups", groups, "--data-dir", tmp_path)
    assert (without.returncode, "groups.csv" in without.stderr) == (Exit.NO_INPUT, True)
    earlier = run("evaluate", "alerts", "--until", "2026-03-01", "--data-dir", tmp_path)
    assert earlier.returncode == Exit.NO_INPUT
