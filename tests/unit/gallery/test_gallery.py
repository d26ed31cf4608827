import subprocess
import sys

import numpy as np
import pytest

from cekalwatch.server.gallery.gallery import Gallery, GalleryError


def unit_rows(count: int, size: int = 64, seed: int = 1) -> np.ndarray:
    rows = np.random.default_rng(seed).normal(size=(count, size)).astype(np.float32)
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))


def test_the_nearest_subject_comes_first_with_its_cosine():
    templates = unit_rows(500)
    gallery = Gallery.build("m-1", 64, templates, [f"S{number}" for number in range(500)])
    probe = templates[321] + 0.05 * unit_rows(1, seed=2)[0]
    probe /= np.linalg.norm(probe)
    (candidates,) = gallery.search(probe[None], most=3)
    assert candidates[0].subject_id == "S321"
    assert candidates[0].score == pytest.approx(float(templates[321] @ probe), abs=1e-3)
    assert [c.score for c in candidates] == sorted((c.score for c in candidates), reverse=True)


def test_a_subject_with_several_reference_faces_is_one_candidate_with_its_best_score():
    templates = unit_rows(10)
    gallery = Gallery.build("m-1", 64, templates, ["A"] * 4 + ["B"] * 6)
    (candidates,) = gallery.search(templates[2][None], most=5)
    assert sorted(c.subject_id for c in candidates) == ["A", "B"]
    assert candidates[0].subject_id == "A"
    assert candidates[0].score == pytest.approx(1.0, abs=1e-3)


def test_an_empty_gallery_finds_nobody():
    gallery = Gallery.build("m-1", 64, np.empty((0, 64), np.float32), [])
    assert gallery.search(unit_rows(3), most=5) == [(), (), ()]


def test_templates_and_probes_of_another_size_are_refused():
    with pytest.raises(GalleryError, match="rows of 64 numbers"):
        Gallery.build("m-1", 64, unit_rows(2, size=32), ["A", "B"])
    gallery = Gallery.build("m-1", 64, unit_rows(2), ["A", "B"])
    with pytest.raises(GalleryError, match="64 numbers"):
        gallery.search(unit_rows(1, size=32), most=5)


def test_a_search_stays_on_the_thread_of_its_caller():
    """OpenMP's threads would come on top of the thread budget; a fresh process shows whether they are made."""
    script = """
import threading
import numpy as np
import psutil
from cekalwatch.server.gallery.gallery import Gallery
rows = np.eye(64, dtype=np.float32).repeat(200, axis=0)
gallery = Gallery.build("m", 64, rows, [str(number) for number in range(len(rows))])
counts = []
def search():
    for _ in range(20):
        gallery.search(rows[:40], most=5)
    counts.append(psutil.Process().num_threads() - threading.active_count())
before = psutil.Process().num_threads() - threading.active_count()
thread = threading.Thread(target=search)
thread.start()
thread.join()
print(counts[0] - before)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "0"
