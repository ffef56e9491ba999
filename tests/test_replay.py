"""Replay memory (specs/token.md 8, step 3)."""

import threading

from chaincred import InMemoryReplay

NOW = 1_790_000_000


def test_a_key_is_new_once():
    memory = InMemoryReplay()
    assert memory.add(b"a", NOW + 60, NOW) is True
    assert memory.add(b"a", NOW + 60, NOW) is False
    assert memory.add(b"b", NOW + 60, NOW) is True


def test_a_key_is_one_key_under_any_until():
    memory = InMemoryReplay()
    assert memory.add(b"a", NOW + 60, NOW)
    assert not memory.add(b"a", NOW + 61, NOW)


def test_a_key_is_kept_through_its_last_second():
    memory = InMemoryReplay()
    memory.add(b"a", NOW + 60, NOW)
    assert not memory.add(b"a", NOW + 60, NOW + 60)
    memory.add(b"b", NOW + 121, NOW + 61)
    assert len(memory) == 1


def test_a_clock_set_back_does_not_revive_what_was_forgotten():
    memory = InMemoryReplay()
    memory.add(b"a", NOW + 60, NOW)
    memory.add(b"b", NOW + 200, NOW + 140)
    assert memory.add(b"a", NOW + 60, NOW) is False


def test_a_full_memory_admits_nothing():
    memory = InMemoryReplay(capacity=2)
    assert memory.add(b"a", NOW, NOW) and memory.add(b"b", NOW, NOW)
    assert not memory.add(b"c", NOW, NOW)
    assert memory.add(b"c", NOW + 1, NOW + 1)


def test_of_many_threads_with_one_key_one_is_first():
    memory = InMemoryReplay()
    gate = threading.Barrier(16)
    answers = []

    def add():
        gate.wait()
        answers.append(memory.add(b"a", NOW, NOW))

    threads = [threading.Thread(target=add) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [False] * 15 + [True]
