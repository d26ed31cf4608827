import subprocess
import sys

import numpy as np
import pytest

from cekalwatch.server.gallery.index import SHARD_ROWS, Gallery, GalleryError
from cekalwatch.server.gallery.row_format import GalleryStorage


def unit_rows(count: int, size: int = 64, seed: int = 1) -> np.ndarray:
    rows = np.random.default_rng(seed).normal(size=(count, size)).astype(np.float32)
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))


def test_the_nearest_subject_comes_first_with_its_cosine():
    templates = unit_rows(500)
    gallery = Gallery.build("m-1", 64, templates, [f"S{number}" for number in range(500)])
    probe = templates[321] + 0.05 * unit_rows(1, seed=2)[0]
    probe /= np.linalg.norm(probe)
    (candidates,) = gallery.search("m-1", probe[None], most=3)
    assert candidates[0].subject_id == "S321"
    assert candidates[0].score == pytest.approx(float(templates[321] @ probe), abs=1e-3)
    assert [c.score for c in candidates] == sorted((c.score for c in candidates), reverse=True)


def test_a_subject_with_several_reference_faces_is_one_candidate_with_its_best_score():
    templates = unit_rows(10)
    gallery = Gallery.build("m-1", 64, templates, ["A"] * 4 + ["B"] * 6)
    (candidates,) = gallery.search("m-1", templates[2][None], most=5)
    assert sorted(c.subject_id for c in candidates) == ["A", "B"]
    assert candidates[0].subject_id == "A"
    assert candidates[0].score == pytest.approx(1.0, abs=1e-3)


def test_an_empty_gallery_finds_nobody():
    gallery = Gallery.build("m-1", 64, np.empty((0, 64), np.float32), [])
    assert gallery.search("m-1", unit_rows(3), most=5) == [(), (), ()]


def test_templates_and_probes_of_another_size_are_refused():
    with pytest.raises(GalleryError, match="rows of 64 numbers"):
        Gallery.build("m-1", 64, unit_rows(2, size=32), ["A", "B"])
    gallery = Gallery.build("m-1", 64, unit_rows(2), ["A", "B"])
    with pytest.raises(GalleryError, match="64 numbers"):
        gallery.search("m-1", unit_rows(1, size=32), most=5)


@pytest.mark.parametrize("storage", GalleryStorage)
def test_a_search_stays_on_the_thread_of_its_caller(storage: GalleryStorage):
    """OpenMP's threads would come on top of the thread budget; a fresh process shows whether they are made."""
    script = """
import sys
import threading
import numpy as np
import psutil
from cekalwatch.server.gallery.index import Gallery
from cekalwatch.server.gallery.row_format import GalleryStorage
rows = np.eye(64, dtype=np.float32).repeat(200, axis=0)
gallery = Gallery.build("m", 64, rows, [str(number) for number in range(len(rows))], GalleryStorage(sys.argv[1]))
counts = []
def search():
    for _ in range(20):
        gallery.search("m", rows[:40], most=5)
    counts.append(psutil.Process().num_threads() - threading.active_count())
before = psutil.Process().num_threads() - threading.active_count()
thread = threading.Thread(target=search)
thread.start()
thread.join()
print(counts[0] - before)
"""
    command = [sys.executable, "-c", script, storage]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "0"


def names(count: int) -> list[str]:
    return [f"S{number}" for number in range(count)]


def found(gallery: Gallery, probe: np.ndarray, most: int = 5) -> list[tuple[str, float]]:
    (candidates,) = gallery.search("m", probe[None], most)
    return [(candidate.subject_id, candidate.score) for candidate in candidates]


def test_probes_of_another_model_are_never_compared():
    gallery = Gallery.build("m-1", 64, unit_rows(2), ["A", "B"])
    with pytest.raises(GalleryError, match="m-2"):
        gallery.search("m-2", unit_rows(1), most=5)


@pytest.mark.parametrize("storage", GalleryStorage)
def test_a_search_over_many_shards_finds_what_one_multiplication_finds(storage: GalleryStorage):
    templates, probes = unit_rows(2 * SHARD_ROWS + 100), unit_rows(40, seed=2)
    gallery = Gallery.build("m", 64, templates, names(len(templates)), storage)
    scores = probes @ templates.T
    for candidates, truth in zip(gallery.search("m", probes, most=5), scores, strict=True):
        best = np.argsort(-truth)[:5]
        assert [one.subject_id for one in candidates] == [f"S{row}" for row in best]
        assert [one.score for one in candidates] == pytest.approx(truth[best].tolist(), abs=1e-3)


def test_many_reference_faces_of_one_subject_do_not_hide_the_next_one():
    """The nearest may have no order in force; then it is the next one who alerts."""
    near = unit_rows(1)[0]
    templates = np.stack([near] * 100 + [near * 0.8 + unit_rows(1, seed=3)[0] * 0.6])
    templates /= np.linalg.norm(templates, axis=1, keepdims=True)
    gallery = Gallery.build("m", 64, templates, ["A"] * 100 + ["B"])
    assert [key for key, _ in found(gallery, near)] == ["A", "B"]


@pytest.mark.parametrize("storage", GalleryStorage)
def test_any_sequence_of_changes_gives_what_building_anew_gives(storage: GalleryStorage):
    """Against a plain dictionary: subjects come, change, lose some of their faces, and go, over several shards."""
    random = np.random.default_rng(5)
    truth = {f"S{number}": unit_rows(1, seed=number) for number in range(SHARD_ROWS + 50)}

    def built() -> Gallery:
        owners = [key for key, rows in truth.items() for _ in rows]
        return Gallery.build("m", 64, np.concatenate(list(truth.values())), owners, storage)

    gallery = built()
    for step in range(12):
        keys = [f"S{number}" for number in random.integers(0, SHARD_ROWS + 200, 4000 if step % 4 == 3 else 20)]
        changed = dict.fromkeys(keys)
        for number, key in enumerate(changed):
            match number % 4:
                case 0:
                    truth.pop(key, None)
                case 1:
                    truth[key] = unit_rows(2, seed=10**6 * (step + 1) + number)
                case 2:
                    truth[key] = truth.get(key, unit_rows(3, seed=10**8 + 10**5 * step + number))[:1]
        owners = [key for key in changed for _ in truth.get(key, ())]
        rows = [np.zeros((0, 64), np.float32), *(truth[key] for key in changed if key in truth)]
        gallery = gallery.changed(list(changed), np.concatenate(rows), owners)
        fresh = built()
        assert (len(gallery), gallery.subjects) == (len(fresh), fresh.subjects)
        for probe in unit_rows(5, seed=10**9 + step):
            assert found(gallery, probe) == found(fresh, probe)


def test_a_change_leaves_the_gallery_before_it_as_it_was():
    templates = unit_rows(100)
    before = Gallery.build("m", 64, templates, names(100))
    after = before.changed(["S7"], np.zeros((0, 64), np.float32), [])
    assert found(before, templates[7])[0][0] == "S7"
    assert "S7" not in {key for key, _ in found(after, templates[7])}


def test_subjects_whose_templates_did_not_change_cost_nothing():
    templates = unit_rows(100)
    gallery = Gallery.build("m", 64, templates, names(100))
    assert gallery.changed(["S7", "S8", "S-new"], templates[[8, 7]], ["S8", "S7"]) is gallery


def test_a_change_shares_what_did_not_change():
    """A gallery of a gigabyte must not be copied for each order."""
    templates = unit_rows(4 * SHARD_ROWS)
    gallery = Gallery.build("m", 64, templates, names(len(templates)))
    after = gallery.changed(["S7", "new"], unit_rows(1, seed=9), ["new"])
    shared = {id(shard.index) for shard in gallery._shards} & {id(shard.index) for shard in after._shards}
    assert len(shared) == 4


def test_what_was_removed_is_cleared_away_in_the_end():
    templates = unit_rows(2 * SHARD_ROWS)
    gallery = Gallery.build("m", 64, templates, names(len(templates)))
    gone = names(SHARD_ROWS - 10)
    after = gallery.changed(gone, np.zeros((0, 64), np.float32), [])
    assert len(after) == SHARD_ROWS + 10
    assert sum(len(shard.subjects) for shard in after._shards) == len(after)
