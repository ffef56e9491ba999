"""Timing: every subject once a round, so that what disturbs the machine disturbs all alike."""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from time import perf_counter_ns
from typing import Final

Timed = Callable[[], object]
Samples = Mapping[str, Sequence[float]]
_WARM_UP: Final = 5


@dataclass(frozen=True, slots=True)
class Subject:
    """Something to time: `prepare` is not timed, and returns what is."""

    name: str
    prepare: Callable[[], Timed]


def fixed(name: str, timed: Timed) -> Subject:
    """A subject that needs no preparation."""
    return Subject(name, lambda: timed)


def interleaved(subjects: Sequence[Subject], rounds: int) -> Samples:
    """Microseconds of each round by subject. No garbage is collected meanwhile."""
    samples: dict[str, list[float]] = {subject.name: [] for subject in subjects}
    gc.collect()
    gc.disable()
    try:
        for number in range(-_WARM_UP, rounds):
            for subject in subjects:
                timed = subject.prepare()
                begun = perf_counter_ns()
                timed()
                took = perf_counter_ns() - begun
                if number >= 0:
                    samples[subject.name].append(took / 1000)
    finally:
        gc.enable()
    return samples


def medians(samples: Samples) -> dict[str, float]:
    return {name: median(taken) for name, taken in samples.items()}


def added(samples: Samples, name: str, base: str) -> float:
    """The median, over the rounds, of how much longer `name` took than `base`."""
    pairs = zip(samples[name], samples[base], strict=True)
    return median(one - other for one, other in pairs)
