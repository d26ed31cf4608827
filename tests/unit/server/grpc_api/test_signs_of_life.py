"""Signs of life of a stream: 200 PCs that get events need none of their own, but for what they say of the readiness."""

from __future__ import annotations

from cekalwatch.contract.values.readiness import Readiness, ReadinessFault
from cekalwatch.server.grpc_api.servicers.alerts import MAX_LEFT_OUT, SignsOfLife

WELL = Readiness(repeat_period_s=1.0)


def test_a_quiet_stream_gets_each_sign_of_life() -> None:
    signs = SignsOfLife(WELL)
    assert [signs.due(WELL) for _ in range(3)] == [True] * 3


def test_events_take_the_place_of_signs_of_life_and_each_fifth_comes_all_the_same() -> None:
    signs, sent = SignsOfLife(WELL), []
    for _ in range(2 * (MAX_LEFT_OUT + 1)):
        signs.spoke()
        sent.append(signs.due(WELL))
    assert sent == [*[False] * MAX_LEFT_OUT, True] * 2


def test_the_second_period_after_an_event_has_its_sign_of_life() -> None:
    signs = SignsOfLife(WELL)
    signs.spoke()
    assert [signs.due(WELL), signs.due(WELL)] == [False, True]


def test_a_change_of_readiness_is_said_whatever_events_come() -> None:
    signs = SignsOfLife(WELL)
    signs.spoke()
    assert signs.due(Readiness(ReadinessFault.GALLERY, repeat_period_s=1.0))
    signs.spoke()
    assert not signs.due(Readiness(ReadinessFault.GALLERY, repeat_period_s=1.0))
    signs.spoke()
    assert signs.due(WELL)
