from memllm_cli.engine.llama_threads import Threads
from memllm_cli.llamacpp import default_threads


class Clock:
    """Evaluations that get a share of the processor time they ask for."""

    def __init__(self, most: int) -> None:
        self.wall = self.used = 0.0
        self.threads = Threads(most, lambda: self.wall, lambda: self.used)

    def evaluate(self, share: float, seconds: float = 0.01) -> int:
        count = self.threads.begin()
        self.wall += seconds
        self.used += seconds * count * share
        self.threads.end()
        return count


def test_idle_machine_keeps_all_threads() -> None:
    clock = Clock(4)
    assert {clock.evaluate(0.97) for _ in range(50)} == {4}


def test_busy_machine_gets_fewer_and_then_all_again() -> None:
    clock = Clock(2)
    assert [clock.evaluate(0.5) for _ in range(3)] == [2, 2, 1]
    clock.wall += 1.0
    assert [clock.evaluate(0.97) for _ in range(3)] == [2, 2, 2]


def test_tries_become_rarer_while_it_stays_busy() -> None:
    clock = Clock(2)
    counts = [clock.evaluate(0.5) for _ in range(4000)]  # 40 seconds
    assert counts.count(2) < 20
    assert 2 in counts[2000:]


def test_one_slow_evaluation_is_forgiven() -> None:
    clock = Clock(2)
    shares = [0.1, 0.97, 0.1, 0.97, 0.97]
    assert [clock.evaluate(share) for share in shares] == [2] * 5


def test_short_evaluations_say_nothing() -> None:
    clock = Clock(2)
    assert {clock.evaluate(0.1, seconds=0.001) for _ in range(20)} == {2}


def test_larger_machines_go_down_by_halves() -> None:
    clock = Clock(8)
    assert [clock.evaluate(0.3) for _ in range(7)] == [8, 8, 4, 4, 2, 2, 1]


def test_at_least_one() -> None:
    assert default_threads() >= 1
    assert Clock(0).evaluate(0.1) == 1
