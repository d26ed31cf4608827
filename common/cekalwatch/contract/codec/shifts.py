"""What the shift's service carries: hand-overs at its end, and when exercises come."""

from __future__ import annotations

from cekalwatch.contract.engine.codec import Codec, Converter
from cekalwatch.contract.engine.safe_text import safe_text
from cekalwatch.contract.engine.scalars import Reading
from cekalwatch.contract.values.adjudication import MAX_NOTE
from cekalwatch.contract.values.exercises import ExerciseHours, ExercisePlan
from cekalwatch.contract.values.hand_overs import HandOver
from cekalwatch.v1 import hand_over_pb2, shift_service_pb2


def _notes(content: str, reading: Reading) -> str:
    """Return notes with each line safe for a screen; the server's domain checks what people send."""
    if reading is Reading.STRICT:
        return content
    return "\n".join(safe_text(line, MAX_NOTE) for line in content[:MAX_NOTE].split("\n"))


HAND_OVER = Codec(
    HandOver,
    hand_over_pb2.HandOver,
    names={"left_at": "leave_time", "taken_at": "take_time"},
    special={"notes": Converter(_notes, str)},
)
EXERCISE_HOURS = Codec(ExerciseHours, shift_service_pb2.ExerciseHours)
EXERCISE_PLAN = Codec(ExercisePlan, shift_service_pb2.GetExerciseHoursResponse, parts=(EXERCISE_HOURS,))
