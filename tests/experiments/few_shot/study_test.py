"""The study runs its cells, goes on where it stopped, and says what failed."""

import json
import os
import pathlib
from unittest import mock

from absl.testing import absltest, parameterized

from experiments.few_shot import study as described
from experiments.run import contract, flags, printed, rows, study
from experiments.sinusoids import experiment as sinusoids
from tfmeta import errors

_SMALL = (
    "--methods=anil,control",
    "--inner_learning_rates=0.1,1e30",
    "--ways=3",
    "--filters=4",
    "--steps=4",
    "--steps_per_epoch=4",
    "--meta_batch_size=2",
    "--eval_tasks=4",
)


_STUDY = described.STUDY


def _row(method, rate, split="", notes=None, **metrics):
    return {
        "schema": rows.SCHEMA,
        "experiment": "nme_classification",
        "method": method,
        "problem": {"ways": 3},
        "seed": 0,
        "split": split,
        "metrics": {name: rows.point(mean) for name, mean in metrics.items()},
        "settings": {"inner_learning_rate": rate},
        "budget": {},
        "seconds": 1.0,
        "commit": None,
        "notes": notes or {},
    }


class StudyTest(parameterized.TestCase):
    def setUp(self):
        super().setUp()
        self.out = pathlib.Path(self.create_tempdir().full_path, "study")
        self.enter_context(
            mock.patch.dict(
                os.environ,
                TFMETA_CACHE_DIR=f"{absltest.TEST_TMPDIR.value}/cache",
            )
        )

    def run_study(self, *argv, of=_STUDY):
        """Runs a study, in the test's process but for the cells."""
        with mock.patch("builtins.print") as prints:
            study.run(
                of,
                flags.parse(
                    study.settings_of(of), [f"--out={self.out}", *argv]
                ),
            )
        return "\n".join(
            " ".join(map(str, call.args)) for call in prints.mock_calls
        )

    def read_rows(self):
        return json.loads((self.out / "results.json").read_text())["rows"]

    def splits_by_cell(self, results):
        """Returns the splits of each method and rate."""
        cells: dict[tuple[str, float], set] = {}
        for row in results:
            rate = row["settings"]["inner_learning_rate"]
            cells.setdefault((row["method"], rate), set()).add(row["split"])
        return cells

    def test_cells_are_run_once_and_divergence_is_a_result(self):
        first = self.run_study(*_SMALL, "--methods=control")
        self.assertIn("2 cells, 0 of them done before", first)
        self.assertIn("[2/2]", first)
        results = self.read_rows()
        scored = {"meta-train", "meta-validation"}
        self.assertEqual(
            self.splits_by_cell(results),
            {("control", 0.1): scored, ("control", 1e30): {""}},
        )
        self.assertIn("diverged", first)
        self.assertGreater((self.out / "study.png").stat().st_size, 1000)

        # One cell is lost, two are new: these alone are run.
        (self.out / "control_0.1" / "results.json").unlink()
        again = self.run_study(*_SMALL)
        self.assertIn("4 cells, 1 of them done before", again)
        more = self.read_rows()
        self.assertEqual(
            self.splits_by_cell(more),
            {
                ("anil", 0.1): scored,
                ("control", 0.1): scored,
                ("anil", 1e30): {""},
                ("control", 1e30): {""},
            },
        )
        by_key = [
            {
                (
                    r["method"],
                    r["settings"]["inner_learning_rate"],
                    r["split"],
                ): r
                for r in found
                if r["split"]
            }
            for found in (results, more)
        ]
        for key, row in by_key[0].items():
            self.assertEqual(by_key[1][key]["metrics"], row["metrics"])

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
            r"maml_\S+ ended with status 1: error: ways: .* got 500",
            *(*_SMALL, "--ways=500", "--methods=maml"),
        ),
    )
    def test_mistakes(self, message, *argv):
        with self.assertRaisesRegex(errors.InputError, message):
            self.run_study(*argv)

    def test_any_setting_of_any_experiment_may_be_swept(self):
        of = contract.Study(
            name="sinusoid_study",
            title="Shots",
            lead="",
            experiment=sinusoids.EXPERIMENT,
            chosen=("cnp",),
            sweeps=(
                contract.Sweep("shots", "all_shots", (2, 3), "Shots."),
                contract.Sweep("seed", "seeds", (0,), "Seeds."),
            ),
            scores=(contract.Score("mse", "meta-test", "new tasks"),),
            note="",
            defaults={
                "steps": 2,
                "eval_tasks": 2,
                "meta_batch_size": 2,
                "eval_splits": ["meta-test"],
            },
        )
        text = self.run_study("--seeds=4,1,4", "--all_shots=3", of=of)
        self.assertIn("2 cells", text)
        self.assertEqual(
            [
                (row["problem"]["shots"], row["seed"])
                for row in self.read_rows()
            ],
            [(3, 1), (3, 4)],
        )


class ReportTest(absltest.TestCase):
    def test_table(self):
        results = [
            _row(
                *("maml", 0.4, "meta-train"),
                accuracy=0.9,
                accuracy_with_other_support=0.125,
            ),
            _row(
                *("maml", 0.4, "meta-validation"),
                accuracy=0.75,
                accuracy_with_other_support=0.05,
            ),
            _row("maml", 4.0, notes={"diverged": "the loss is nan"}),
        ]
        table = printed.of_study(_STUDY, [{"rows": results}]).markdown()
        self.assertEqual(
            table.splitlines()[1:],
            ["| --- | ---: | ---: |", "| MAML | 75.0 / 12.5 | diverged |"],
        )


if __name__ == "__main__":
    absltest.main()
