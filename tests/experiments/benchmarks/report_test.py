"""Ratios, shares of the floor, fits and the tables that show them."""

import numpy as np
from absl.testing import absltest

from experiments.benchmarks import report, rounds, workloads

_GFLOPS = 400.0


def _measure(
    contender, round_ms, *, workload="conv4", tasks=16, inner_steps=1, loss=3.0
):
    network = "mlp" if workload == "mlp" else "conv4"
    reference = "control" if workload == "regularized" else "tfmeta"
    entry = workloads.Entry(
        workload, contender, network, tasks, inner_steps, reference
    )
    return rounds.Measurement(
        entry,
        first_step_seconds=1.5,
        first_loss=loss,
        versions={"numpy": "2"},
        round_ms=list(round_ms),
        peak_mb=321.0,
    )


def _results(measurements, skipped=None):
    rows = report.make_rows(measurements, _GFLOPS)
    return {
        "rows": rows,
        "machine": {"processor": "a processor", "cores": 2},
        "matmul_gflops": _GFLOPS,
        "fits": {
            name: fit._asdict()
            for name, fit in report.scaling_fits(rows).items()
        },
        "appetites": report.appetites(rows),
        "skipped": skipped or {},
    }


class RowsTest(absltest.TestCase):
    def test_the_ratio_is_taken_within_rounds(self):
        # The machine is three times as slow in the last round.
        rows = report.make_rows(
            [
                _measure("tfmeta", [100, 110, 300]),
                _measure("jax_map", [200, 220, 600]),
            ],
            _GFLOPS,
        )
        self.assertEqual([row["ratio"] for row in rows], [1, 2])
        self.assertEqual(rows[1]["ratio_quartiles"], [2, 2])
        self.assertEqual(rows[1]["ms"], 220)

    def test_rows_are_compared_with_those_of_their_own_contest(self):
        rows = report.make_rows(
            [
                _measure("tfmeta", [100], inner_steps=1),
                _measure("tfmeta", [500], inner_steps=5),
                _measure("jax_map", [600], inner_steps=5),
                _measure("jax_map", [9], inner_steps=5, workload="mlp"),
            ],
            _GFLOPS,
        )
        self.assertEqual(rows[2]["ratio"], 1.2)
        self.assertNotIn("ratio", rows[3])

    def test_share_of_the_floor(self):
        (row,) = report.make_rows([_measure("tfmeta", [100])], _GFLOPS)
        # 20.0 GFLOP at 400 GFLOP/s are 50.0 ms.
        self.assertAlmostEqual(row["share_of_floor"], 0.500, places=3)

    def test_another_loss_is_told(self):
        results = _results(
            [
                _measure("tfmeta", [1]),
                _measure("jax_map", [1], loss=3.0001),
                _measure("learn2learn", [1], loss=3.1),
            ]
        )
        self.assertEqual(
            [row["same_loss"] for row in results["rows"]], [True, True, False]
        )
        self.assertIn(
            "learn2learn's loop, 1 inner step: its first loss is 3.1, not that "
            "of tfmeta.",
            report.markdown(results),
        )


class FitTest(absltest.TestCase):
    def test_a_line_is_found(self):
        fit = report.fit_line([4, 8, 16], [14, 22, 38])
        np.testing.assert_allclose(fit, (6, 2, 1))

    def test_what_is_not_a_line_has_a_lower_r_squared(self):
        fit = report.fit_line([1, 2, 3], [0, 3, 0])
        np.testing.assert_allclose(fit, (1, 0, 0), atol=1e-12)

    def test_each_fit_takes_its_own_rows(self):
        measurements = [
            _measure(
                "tfmeta",
                [5 + 10 * tasks + 100 * steps],
                workload="scaling",
                tasks=tasks,
                inner_steps=steps,
            )
            for tasks, steps in ((4, 1), (8, 1), (16, 1), (16, 3), (16, 5))
        ]
        results = _results([*measurements, _measure("tfmeta", [7])])
        np.testing.assert_allclose(
            list(results["fits"]["tasks"].values()), (105, 10, 1)
        )
        np.testing.assert_allclose(
            list(results["fits"]["inner_steps"].values()), (165, 100, 1)
        )
        self.assertIn(
            "ms = 105.0 + 10.00 * tasks (R^2 = 1.0000)",
            report.markdown(results),
        )


class MarkdownTest(absltest.TestCase):
    def test_a_table(self):
        text = report.markdown(
            _results(
                [
                    _measure("tfmeta", [100, 110]),
                    _measure("learn2learn", [250, 275]),
                ],
                {"jax_map": "No module named 'jax'"},
            )
        )
        rows = [line for line in text.splitlines() if line.startswith("|")]
        cells = [[cell.strip() for cell in row.split("|")] for row in rows]
        self.assertEqual(
            cells[3][1:-1],
            [
                "learn2learn's loop",
                "16",
                "1",
                "262.5",
                "2.50",
                "2.50 to 2.50",
                "19.1%",
                "321",
                "1.5",
            ],
        )
        self.assertLen({len(row) for row in rows}, 1)
        self.assertIn("Skipped: jax_map (No module named 'jax').", text)

    def test_the_input_against_the_appetite(self):
        results = _results(
            [
                _measure("tfmeta", [100]),
                _measure("input", [2], workload="input"),
            ]
        )
        (appetite,) = results["appetites"]
        self.assertAlmostEqual(appetite["episodes_per_second"], 160)
        self.assertAlmostEqual(appetite["ratio"], 50)
        self.assertIn(
            "- a step with 1 inner step takes 160: 50 times fewer",
            report.markdown(results),
        )


if __name__ == "__main__":
    absltest.main()
