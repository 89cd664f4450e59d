"""The study of seeds, whose agents are made up."""

import json
import pathlib
from unittest import mock

from absl.testing import absltest

from experiments.multitask_rl import experiment, problems, study, trainer
from experiments.run import flags, main_loop, rows, side_by_side
from experiments.run import study as run_study


def _outcome(job):
    """Returns what an agent could have given, which its seed decides."""
    point = {
        "step": job.budget.steps,
        "seconds": 60.0,
        "success": 0.25 * job.seed,
        "success/a": 0.25 * job.seed,
    }
    scores = {
        name: rows.point(point[name]) for name in ("success", "success/a")
    }
    scores["success_at_last_step"] = scores["success"]
    return {
        "scores": {trainer.SPLIT: scores},
        "curve": [point],
        "seconds": 60.0,
    }


class StudyTest(absltest.TestCase):
    def test_each_method_is_trained_from_each_seed(self):
        out = pathlib.Path(self.create_tempdir().full_path, "out")

        def run_here(command):
            known = main_loop.settings_of(experiment.EXPERIMENT)
            given = [
                f for f in command.flags if f not in side_by_side.ONE_THREAD
            ]
            values = flags.parse(known, given)
            # One process more would be one too many.
            self.assertEqual(values["jobs"], 1)
            main_loop.run(experiment.EXPERIMENT, values)
            return 0

        def load(values):
            task = mock.Mock()
            task.name = "a"
            return problems.Problem(values, [task], [])

        # The descriptions are frozen; what they hold is not.
        described = experiment.EXPERIMENT.__dict__
        with (
            mock.patch.dict(described, load=load),
            mock.patch.object(
                trainer.Trainer, "run", lambda self, job: _outcome(job)
            ),
            mock.patch.object(side_by_side, "_run", run_here),
            mock.patch("builtins.print") as printed,
        ):
            run_study.run(
                study.STUDY,
                flags.parse(
                    run_study.settings_of(study.STUDY),
                    [
                        f"--out={out}",
                        "--methods=sac,trpo",
                        "--seeds=0,3",
                        "--steps_per_epoch=10000",
                        "--jobs=1",
                    ],
                ),
            )
        results = json.loads((out / "results.json").read_text())["rows"]
        self.assertEqual(
            [
                (row["method"], row["seed"], row["metrics"]["success"]["mean"])
                for row in results
            ],
            [
                ("sac", 0, 0.0),
                ("trpo", 0, 0.0),
                ("sac", 3, 0.75),
                ("trpo", 3, 0.75),
            ],
        )
        self.assertGreater((out / "interquartile.png").stat().st_size, 1000)
        said = "\n".join(str(c.args[0]) for c in printed.mock_calls if c.args)
        self.assertRegex(said, r"method +all seeds")
        self.assertRegex(said, r"SAC +37\.5")


if __name__ == "__main__":
    absltest.main()
