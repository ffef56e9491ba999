"""A clock that leaps (specs/service.md 12), by a clock and a stopwatch of the test's own."""

import pytest

from chaincred_verifier.clock import Clock, Leapt


class Time:
    """What a machine shows: the time, and the seconds since it was started."""

    def __init__(self) -> None:
        self.wall = 1_800_000_000.5
        self.steady = 77.0
        self.clock = Clock(300, lambda: self.wall, lambda: self.steady)

    def passes(self, seconds: float) -> None:
        self.wall += seconds
        self.steady += seconds

    def is_believed(self) -> bool:
        try:
            assert self.clock() == int(self.wall)
        except Leapt:
            return False
        return True


@pytest.fixture
def time() -> Time:
    return Time()


def test_what_passes_is_believed_however_long(time: Time) -> None:
    for seconds in (0, 1, 59, 61, 86_400, 10**8):
        time.passes(seconds)
        assert time.is_believed()


@pytest.mark.parametrize("by", [-(10**8), -61, -1, 1, 59])
def test_a_step_back_or_a_small_one_is_believed(time: Time, by: float) -> None:
    time.wall += by
    assert time.is_believed()


def test_a_leap_is_believed_only_when_it_lasts(time: Time) -> None:
    time.wall += 61
    assert not time.is_believed()
    time.passes(299)
    assert not time.is_believed()
    time.passes(1)
    assert time.is_believed()
    # From then on this is the time.
    time.wall += 59
    assert time.is_believed()
    time.wall += 61
    assert not time.is_believed()


def test_a_leap_that_is_taken_back_is_forgotten(time: Time) -> None:
    time.wall += 86_400
    assert not time.is_believed()
    time.passes(290)
    time.wall -= 86_400
    assert time.is_believed()
    time.wall += 86_400
    assert not time.is_believed()
    time.passes(299)
    assert not time.is_believed()


def test_a_leap_after_a_leap_is_waited_for_anew(time: Time) -> None:
    time.wall += 86_400
    assert not time.is_believed()
    time.passes(299)
    time.wall += 86_400
    assert not time.is_believed()
    time.passes(2)
    assert not time.is_believed()
    time.passes(298)
    assert time.is_believed()


def test_what_is_set_to_be_believed_is(time: Time) -> None:
    clock = Clock(0, lambda: time.wall, lambda: time.steady)
    time.wall += 86_400
    assert clock() == int(time.wall)


def test_it_goes_by_the_machines_own() -> None:
    clock = Clock(300)
    first = clock()
    assert 0 <= clock() - first <= 1
