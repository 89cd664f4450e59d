"""Contenders take turns, and each keeps its own times."""

from absl.testing import absltest

from experiments.benchmarks import rounds, workloads


class _FakeSteps:
    started = 0.0
    versions = {"fake": "1"}

    def __init__(self, name, seconds, log):
        self._name = name
        self._seconds = iter(seconds)
        self._log = log

    def step(self, count):
        self._log.append((self._name, count))
        return {
            "seconds": [next(self._seconds) for _ in range(count)],
            "loss": float(len(self._log)),
            "peak_mb": 7.0,
        }


def _entry(workload, contender):
    return workloads.Entry(workload, contender, "mlp", 4, 1, "tfmeta")


class RoundsTest(absltest.TestCase):
    def setUp(self):
        super().setUp()
        self.log: list[tuple[str, int]] = []
        # The first step and the warm-up, then three rounds.
        slow = [9] * 3 + [3, 1, 2, 6, 5, 4, 7, 7, 9]
        fast = [9] * 3 + [0.5] * (3 * 3 * 20)
        running = []
        for entry, seconds in (
            (_entry("conv4", "tfmeta"), slow),
            (_entry("mlp", "jax_vmap"), fast),
        ):
            steps = _FakeSteps(entry.contender, seconds, self.log)
            running.append((rounds.start(entry, steps), steps))
        self.measurements = [measurement for measurement, _ in running]
        self.log.clear()
        self.rounds_done: list[int] = []
        rounds.run(
            running,
            rounds=3,
            steps_per_round=3,
            on_round=self.rounds_done.append,
        )

    def test_contenders_take_turns_with_more_of_short_steps(self):
        self.assertEqual(self.log, [("tfmeta", 3), ("jax_vmap", 60)] * 3)
        self.assertEqual(self.rounds_done, [1, 2, 3])

    def test_a_round_counts_by_its_median_and_the_start_does_not(self):
        slow, fast = self.measurements
        self.assertEqual(slow.round_ms, [2000, 5000, 7000])
        self.assertEqual(slow.best_ms, 1000)
        self.assertEqual(fast.round_ms, [500] * 3)

    def test_the_first_loss_is_that_of_the_first_step(self):
        self.assertEqual(self.measurements[0].first_loss, 1)
        self.assertEqual(self.measurements[1].first_loss, 3)


if __name__ == "__main__":
    absltest.main()
