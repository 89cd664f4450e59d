"""RESULTS.md says what the results beside it say."""

import json
import pathlib

from absl.testing import absltest, parameterized

from experiments import results_page
from tfmeta import errors

_ROOT = pathlib.Path(__file__).parents[2]


def _result(method, seed, test, *, rate=0.1, paper=None):
    scores = {
        name: {"mean": value, "ci95": 0.01, "tasks": 600}
        for name, value in (
            ("accuracy", test),
            ("accuracy_before_adaptation", 0.05),
            ("accuracy_with_other_support", 0.0625),
        )
    }
    settings = {
        "inner_learning_rate": rate,
        "inner_steps": 5,
        "outer_learning_rate": 0.01,
        "beta": 0.0,
        "weight_decay": 0.0,
        "taml_weight": 0.0,
    }
    return {
        "rows": [
            {
                "experiment": "nme_classification",
                "method": method,
                "split": split,
                "seed": seed,
                "ways": 20,
                "shots": 1,
                "seconds": 120,
                "settings": settings,
                "paper": paper,
                **scores,
            }
            for split in ("meta-train", "meta-validation", "meta-test")
        ],
        "config": {"seed": seed, "steps": 100, "meta_batch_size": 8},
        "commit": "0123456789abcdef",
    }


def _regression(method, seed, test, settings, paper=None):
    return {
        "rows": [
            {
                "experiment": "sinusoid",
                "method": method,
                "shots": 5,
                "split": split,
                "seed": seed,
                "steps": 200,
                "meta_batch_size": 8,
                "seconds": 30,
                "settings": settings,
                "paper": paper if split == "meta-test" else None,
                "paper_std": 0.04 if paper else None,
                "mse": {"mean": mean, "ci95": 0.01},
                "mse_before_adaptation": {"mean": 0.0625},
                "mse_with_other_support": {"mean": 2 * test},
            }
            for split, mean in (
                ("meta-train", 0.0125),
                ("meta-validation", 0.75),
                ("meta-test", test),
            )
        ],
        "config": {"seed": seed},
        "commit": "0123456789abcdef",
    }


class ResultsPageTest(parameterized.TestCase):
    def setUp(self):
        super().setUp()
        self.results = pathlib.Path(self.create_tempdir().full_path)

    def fill(self, kind, *results):
        (self.results / "runs").mkdir(exist_ok=True)
        for number, result in enumerate(results):
            file = self.results / "runs" / f"{number}.json"
            file.write_text(json.dumps(result))
        page = f"Prose.\n<!-- begin {kind} runs -->\nold\n<!-- end -->\nMore."
        return results_page.fill(page, self.results)

    def test_runs_that_differ_by_the_seed_are_one_line(self):
        page = self.fill(
            "nme_finals",
            _result("control", 1, 0.75),
            _result("maml", 0, 0.0625, paper=0.078),
            _result("control", 0, 0.8),
            _result("maml", 0, 0.5, rate=0.4),
        )
        self.assertTrue(page.startswith("Prose.\n<!-- begin nme_finals runs"))
        self.assertTrue(page.endswith("<!-- end -->\nMore."))
        self.assertNotIn("old", page)
        lines = [line for line in page.splitlines() if line.startswith("|")]
        tasks = "| 20-way 1-shot "
        self.assertEqual(
            [line.removeprefix(tasks) for line in lines[2:]],
            [
                "| MAML | 0.1 | 100 | 5.0 | 6.2 | 6.2 | **6.2** | 6.2 | 7.8 |",
                "| MAML | 0.4 | 100 | 5.0 | 6.2 | 50.0 | **50.0** | 50.0 |  |",
                "| control: W, no noise, no KL | 0.1 | 100 | 5.0 | 6.2 | 77.5 "
                "| **77.5 ± 3.5** | 80.0, 75.0 |  |",
            ],
        )

    def test_settings_name_the_seeds_and_commits(self):
        page = self.fill(
            "nme_settings", _result("maml", 0, 0.5), _result("maml", 3, 0.5)
        )
        line = page.splitlines()[-4]
        self.assertIn("| MAML | 0.1 | 5 | 0.01 |", line)
        self.assertTrue(line.endswith("| 100 | 8 | 2 | 0, 3 | 0123456 |"), line)

    def test_regression(self):
        rate = {"inner_learning_rate": 0.05, "initial_scale": None}
        results = (
            _regression("cnp", 0, 0.875, {"outer_learning_rate": 0.001}),
            _regression("maml", 0, 0.5, rate, paper=0.46),
            _regression("maml", 1, 0.25, rate, paper=0.46),
        )
        lines = self.fill("regression", *results).splitlines()
        self.assertEqual(
            [line for line in lines if line.startswith("| 5-shot")],
            [
                "| 5-shot | MAML | 0.05 | 200 | 0.062 | 0.750 | 0.750 "
                "| **0.375 ± 0.177** | 0.500, 0.250 | 0.46 (0.04) |",
                "| 5-shot | CNP |  | 200 | 0.062 | 1.750 | 0.750 "
                "| **0.875** | 0.875 |  |",
            ],
        )
        lines = self.fill("regression_settings", *results).splitlines()
        self.assertEqual(
            [line for line in lines if line.startswith("|")][2:],
            [
                "| 5-shot | MAML | 0.05 |  |  |  |  |  |  |  | 200 | 8 | 0.5 "
                "| 0, 1 | 0123456 |",
                "| 5-shot | CNP |  |  |  | 0.001 |  |  |  |  | 200 | 8 | 0.5 "
                "| 0 | 0123456 |",
            ],
        )

    def test_tasks_learned_together(self):
        row = {
            "method": "pcgrad",
            "split": "test",
            "seed": 0,
            "dataset": "cifar100",
            "tasks": 20,
            "classes": 5,
            "batch_size": 8,
            "augmentation": "crop_flip",
            "precision": "float32",
            "accuracy": {"mean": 0.5, "ci95": 0.01, "images": 10000},
            "task_accuracy": {"fish": 0.25, "trees": 0.75},
            "conflicts": {"conflicting_pairs": 0.375},
            "seconds": 600,
            "steps": 1000,
            "settings": {
                "optimizer": "adam",
                "learning_rate": 0.001,
                "filters": 160,
                "units": [320, 320],
            },
            "paper": 0.71,
            "commit": "0123456789abcdef",
        }
        other_seed = row | {
            "seed": 1,
            "accuracy": {"mean": 0.6, "ci95": 0.01, "images": 10000},
        }
        page = self.fill("multitask", {"rows": [row]}, {"rows": [other_seed]})
        lines = [line for line in page.splitlines() if line.startswith("|")]
        self.assertEqual(
            lines[2:],
            [
                "| PCGrad | 0.001 | 1000 |  | **55.0 ± 7.1** | 50.0, 60.0 "
                "| 25 to 75 | 38 % | 10 | 71.0 |"
            ],
        )

    def test_a_page_made_twice_is_the_same(self):
        page = self.fill("nme_finals", _result("maml", 0, 0.5))
        self.assertEqual(results_page.fill(page, self.results), page)

    @parameterized.parameters(
        ("no_kind", "no_kind runs -->: expected one of"),
        ("nme_finals", "runs: expected results"),
    )
    def test_mistakes(self, kind, message):
        with self.assertRaisesRegex(errors.InputError, message):
            self.fill(kind)

    def test_the_page_is_that_of_the_results(self):
        page = (_ROOT / "RESULTS.md").read_text()
        self.assertEqual(
            results_page.fill(page, _ROOT / "experiments/results"),
            page,
            "Write it anew: ./bazelw run //experiments:results_page",
        )


if __name__ == "__main__":
    absltest.main()
