"""Rows and tables of the multi-task benchmark."""

from absl.testing import absltest

from experiments.benchmarks import (
    multitask_report,
    multitask_workloads,
    rounds,
)

_SIZES = multitask_workloads.Sizes(
    filters=4, units=(5, 6), parameters=7, width=1024
)


def _measure(workload, contender, round_ms, *, loss=3.0, peak_mb=100.0):
    ((entry,),) = multitask_workloads.contests([workload], [contender], _SIZES)
    return rounds.Measurement(
        entry,
        first_step_seconds=1.5,
        first_loss=loss,
        versions={"numpy": "2"},
        round_ms=list(round_ms),
        peak_mb=peak_mb,
    )


def _markdown(rows, skipped=None):
    return multitask_report.markdown(
        {
            "rows": rows,
            "machine": {"processor": "a processor", "cores": 2},
            "sizes": _SIZES._asdict(),
            "skipped": skipped or {},
        }
    )


class ReportTest(absltest.TestCase):
    def test_each_is_held_against_the_first_of_its_contest(self):
        rows = multitask_report.make_rows(
            [
                _measure("own_data", "sum", [100, 200]),
                _measure("own_data", "pcgrad", [105, 210]),
                _measure("shared_input", "backwards", [10, 20]),
                _measure("shared_input", "pcgrad", [11, 22]),
                _measure("weights", "torchjd", [11, 22]),
            ]
        )
        self.assertEqual(
            [row.get("ratio") for row in rows], [1, 1.05, 1, 1.1, None]
        )
        self.assertEqual(
            [row.get("goal") for row in rows],
            [None, "<= 1.10", None, "<= 1.15", ">= 5"],
        )
        text = _markdown(rows, {"torch_flat": "no torch"})
        self.assertIn("| 1.05 to 1.05 | <= 1.10 |", text)
        self.assertIn("**A step of 8 tasks on the same 32 images**", text)
        self.assertNotIn("Memory", text)
        self.assertNotIn("not that of", text)
        self.assertTrue(text.endswith("Skipped: torch_flat (no torch)."))

    def test_memory_over_the_sum_beside_what_is_held(self):
        rows = multitask_report.make_rows(
            [
                _measure("memory", "sum", [1], peak_mb=900),
                _measure("memory", "pcgrad", [4], peak_mb=1500),
                _measure("memory", "pcgrad_parts", [6], peak_mb=1000),
            ]
        )
        self.assertEqual(
            [row.get("extra_mb") for row in rows], [None, 600, 100]
        )
        # 16 layers of 1024 x 1024 and biases, 4 bytes each, for 8 tasks.
        self.assertNotIn("task_gradients_mb", rows[0])
        self.assertEqual(rows[1]["task_gradients_mb"], 512.5)
        self.assertEqual(rows[2]["task_gradients_mb"], 512.5 / 8)

    def test_another_loss_is_told_but_of_aggregation(self):
        rows = multitask_report.make_rows(
            [
                _measure("own_data", "sum", [1]),
                _measure("own_data", "pcgrad", [1], loss=3.1),
                _measure("aggregation", "gramian", [1]),
                _measure("aggregation", "numpy_flat", [1], loss=7.0),
            ]
        )
        text = _markdown(rows)
        self.assertIn(
            "PCGrad(Adam) (own_data): its first loss is 3.1, not that of sum.",
            text,
        )
        self.assertEqual(text.count("not that of"), 1)


class ContestsTest(absltest.TestCase):
    def test_every_contender_takes_part(self):
        contests = multitask_workloads.contests(
            list(multitask_workloads.WORKLOADS),
            list(multitask_workloads.CONTENDERS),
            _SIZES,
        )
        self.assertLen(contests, len(multitask_workloads.WORKLOADS))
        entries = [entry for contest in contests for entry in contest]
        self.assertEqual(
            {entry.contender for entry in entries},
            {*multitask_workloads.CONTENDERS},
        )
        for entry in entries:
            self.assertTrue(entry.kind.module.exists())
        for contest in contests:
            self.assertEqual(contest[0].contender, contest[0].reference)


if __name__ == "__main__":
    absltest.main()
