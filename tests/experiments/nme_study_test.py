"""The study runs its cells, goes on where it stopped, and says what failed."""

import json
import os
import pathlib
import subprocess
import sys

from absl.testing import absltest, parameterized

from experiments import nme_study, nme_study_report

_SMALL = (
    "--methods=maml,control",
    "--inner_learning_rates=0.1,1e30",
    "--ways=3",
    "--filters=4",
    "--steps=4",
    "--steps_per_epoch=4",
    "--meta_batch_size=2",
    "--eval_tasks=4",
)


def _row(method, rate, split, accuracy, other):
    return {
        "method": method,
        "settings": {"inner_learning_rate": rate},
        "split": split,
        "accuracy": {"mean": accuracy},
        "accuracy_with_other_support": {"mean": other},
    }


class StudyTest(parameterized.TestCase):
    def setUp(self):
        super().setUp()
        self.out = pathlib.Path(self.create_tempdir().full_path, "study")

    def run_study(self, *argv):
        return subprocess.run(
            [
                sys.executable,
                *("-m", nme_study.__name__),
                *(f"--out={self.out}", *argv),
            ],
            env={
                **os.environ,
                "TFMETA_CACHE_DIR": str(
                    pathlib.Path(absltest.TEST_TMPDIR.value, "cache")
                ),
                "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
            },
            capture_output=True,
            text=True,
            check=False,
        )

    def test_cells_are_run_once_and_divergence_is_a_result(self):
        first = self.run_study(*_SMALL)
        self.assertEqual(first.returncode, 0, first.stderr)
        self.assertIn("4 cells, 0 of them done before", first.stdout)
        self.assertIn("[4/4]", first.stdout)
        results = json.loads((self.out / "results.json").read_text())
        cells: dict[tuple[str, float], set] = {}
        for row in results["rows"]:
            rate = row["settings"]["inner_learning_rate"]
            cells.setdefault((row["method"], rate), set()).add(row.get("split"))
        scored = {"meta-train", "meta-validation"}
        self.assertEqual(
            cells,
            {
                ("maml", 0.1): scored,
                ("control", 0.1): scored,
                ("maml", 1e30): {None},
                ("control", 1e30): {None},
            },
        )
        self.assertIn("diverged", first.stdout)
        self.assertGreater((self.out / "study.png").stat().st_size, 1000)

        # One cell is lost, one is new: these alone are run.
        (self.out / "maml_0.1" / "results.json").unlink()
        again = self.run_study(*_SMALL, "--inner_learning_rates=0.1,0.2,1e30")
        self.assertEqual(again.returncode, 0, again.stderr)
        self.assertIn("6 cells, 3 of them done before", again.stdout)
        more = json.loads((self.out / "results.json").read_text())["rows"]
        self.assertLen(more, 10)
        by_key = [
            {
                (
                    r["method"],
                    r["settings"]["inner_learning_rate"],
                    r["split"],
                ): r
                for r in rows
                if "split" in r
            }
            for rows in (results["rows"], more)
        ]
        for key, row in by_key[0].items():
            self.assertEqual(by_key[1][key]["accuracy"], row["accuracy"])

    @parameterized.named_parameters(
        (
            "rates",
            r"--inner_learning_rates=0,1: ",
            "--inner_learning_rates=0,1",
        ),
        ("rate", "--inner_learning_rate: a study", "--inner_learning_rate=1"),
        ("method", "--methods: 'mamml' is unknown", "--methods=mamml"),
        (
            "method_without_a_rate",
            "--methods: 'versa' has no inner learning rate",
            "--methods=maml,versa",
        ),
        (
            "in_a_cell",
            r"maml_\S+ ended with status 1: error: .*--steps=4",
            *(*_SMALL, "--steps_per_epoch=3", "--methods=maml"),
        ),
    )
    def test_mistakes(self, message, *argv):
        result = self.run_study(*argv)
        self.assertEqual(result.returncode, 1, result.stdout)
        self.assertRegex(result.stderr, message)
        self.assertNotIn("Traceback", result.stderr)


class ReportTest(absltest.TestCase):
    def test_table(self):
        rows = [
            _row("maml", 0.4, "meta-train", 0.9, 0.125),
            _row("maml", 0.4, "meta-validation", 0.75, 0.05),
            {
                "method": "maml",
                "settings": {"inner_learning_rate": 4.0},
                "diverged": True,
            },
        ]
        table = nme_study_report.table(rows, markdown=True)
        self.assertEqual(
            table.splitlines()[1:],
            ["| --- | ---: | ---: |", "| MAML | 75.0 / 12.5 | diverged |"],
        )
        self.assertIn("75.0 % on new", nme_study_report.cell(rows[:2]))


if __name__ == "__main__":
    absltest.main()
