"""What the start has made is out of the collector's way, and what comes later is still collected."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import gc, weakref
from cekalwatch.program.memory import settle

class Node:
    pass

def ring():
    one, other = Node(), Node()
    one.other, other.one = other, one
    return one

early = [ring() for _ in range(10_000)]
looked_through = len(gc.get_objects())
settle()
assert len(gc.get_objects()) < looked_through - 20_000, (len(gc.get_objects()), looked_through)
late = weakref.ref(ring())
gc.collect()
assert late() is None
print("settled")
"""


def test_what_the_start_made_is_looked_through_no_more_and_what_comes_later_is_collected():
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == "settled\n", done.stderr
