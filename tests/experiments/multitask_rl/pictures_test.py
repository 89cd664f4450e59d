"""What pictures and tables show of made-up runs."""

import math
import pathlib
from unittest import mock

from absl.testing import absltest
from matplotlib import figure

from experiments.figures import conflicts
from experiments.multitask_rl import (
    conflict_tables,
    experiment,
    pictures,
    trainer,
)
from experiments.run import contract, rows

_CURVE = [
    {"step": 5, "success": 0.0, "critic_loss": 2.0},
    {
        "step": 10,
        "success": 0.5,
        "critic_loss": 1.0,
        "critic_conflicting_pairs": 0.0,
        "critic_gradient_cosine": 0.25,
        "critic_magnitude_similarity": 0.5,
        "critic_condition_a": math.nan,
        "critic_condition_b": math.nan,
        "actor_conflicting_pairs": 1.0,
        "actor_gradient_cosine": -0.5,
        "actor_magnitude_similarity": 1.0,
        "actor_condition_a": 0.0,
        "actor_condition_b": 1.0,
    },
    {
        "step": 15,
        "success": 0.5,
        "critic_loss": 1.0,
        "critic_conflicting_pairs": 0.5,
        "critic_gradient_cosine": 0.75,
        "critic_magnitude_similarity": 0.5,
        "critic_condition_a": 0.25,
        "critic_condition_b": 0.75,
    },
]


def _run(outcomes=None, results=()):
    return contract.Run(
        experiment.EXPERIMENT,
        mock.Mock(task_names=["a", "b"]),
        results,
        outcomes or {},
        pathlib.Path(),
    )


class PicturesTest(absltest.TestCase):
    def setUp(self):
        super().setUp()
        self.file = pathlib.Path(self.create_tempdir().full_path, "it.png")
        self.saved: list[figure.Figure] = []
        save = figure.Figure.savefig

        def spy(drawn, file, **kwargs):
            self.saved.append(drawn)
            save(drawn, file, **kwargs)

        self.enter_context(mock.patch.object(figure.Figure, "savefig", spy))

    def draw(self, picture, run):
        picture.draw(run, self.file)
        (drawn,) = self.saved
        self.assertGreater(self.file.stat().st_size, 1000)
        return drawn.axes

    def test_success_is_drawn_over_steps_and_minutes(self):
        curve = [
            {"step": step, "seconds": 60.0 * step, "success": step / 100}
            for step in (10, 20)
        ]
        steps, minutes = self.draw(
            pictures.CURVES, _run({"sac": {"curve": curve}})
        )
        (line,) = steps.lines
        self.assertEqual(list(line.get_xdata()), [10, 20])
        self.assertEqual(list(line.get_ydata()), [10, 20])
        self.assertEqual(line.get_label(), "SAC")
        self.assertEqual(list(minutes.lines[0].get_xdata()), [10, 20])

    def test_a_line_of_the_heat_map_is_a_task(self):
        curve = [
            {"step": step, "success/a": step / 100, "success/b": 0.5}
            for step in (20, 40, 60)
        ]
        first, second, _ = self.draw(
            pictures.TASKS,
            _run({name: {"curve": curve} for name in ("sac", "ppo")}),
        )
        (image,) = first.images
        self.assertEqual(
            image.get_array().tolist(), [[20, 40, 60], [50, 50, 50]]
        )
        # A cell is as wide as what lies between two evaluations.
        self.assertEqual(image.get_extent()[:2], [10, 70])
        self.assertEqual(second.get_title(), "PPO")

    def test_each_network_s_conflicts_have_lines_of_their_own(self):
        first, *_ = self.draw(
            conflicts.CONFLICTS, _run({"sac": {"curve": _CURVE}})
        )
        self.assertEqual(
            {line.get_label(): list(line.get_ydata()) for line in first.lines},
            {
                "SAC, critic: in conflict": [0, 50],
                "SAC, actor: in conflict": [100],
            },
        )

    def test_without_conflicts_nothing_is_drawn(self):
        run = _run({"sac": {"curve": _CURVE[:1]}})
        conflicts.CONFLICTS.draw(run, self.file)
        self.assertFalse(self.file.exists())

    def test_interquartile_means_are_over_tasks_and_seeds(self):
        def row(method, *scores):
            return {
                "method": method,
                "split": trainer.SPLIT,
                "metrics": {
                    f"success/{n}": rows.point(score)
                    for n, score in enumerate(scores)
                },
            }

        (axes,) = self.draw(
            pictures.INTERQUARTILE,
            _run(
                results=[
                    row("sac", 0, 0.5, 0.5, 1),
                    row("sac", 0, 0.25, 0.75, 1),
                    row("ppo"),
                ]
            ),
        )
        interval, mean = axes.lines
        self.assertEqual(list(mean.get_xdata()), [50])
        low, high = interval.get_xdata()
        self.assertBetween(low, 25, 50)
        self.assertBetween(high, 50, 75)
        # What diverged has no line.
        self.assertEqual(
            [label.get_text() for label in axes.get_yticklabels()], ["SAC"]
        )


class ConflictTablesTest(absltest.TestCase):
    def test_means_are_over_what_is_known(self):
        means = {
            name: estimate["mean"]
            for name, estimate in conflict_tables.means(_CURVE).items()
        }
        self.assertEqual(
            means,
            {
                "critic_conflicting_pairs": 0.25,
                "critic_gradient_cosine": 0.5,
                "critic_magnitude_similarity": 0.5,
                "critic_condition_a": 0.25,
                "critic_condition_b": 0.75,
                "actor_conflicting_pairs": 1.0,
                "actor_gradient_cosine": -0.5,
                "actor_magnitude_similarity": 1.0,
                "actor_condition_a": 0.0,
                "actor_condition_b": 1.0,
            },
        )
        self.assertEqual(
            {column.value for column in conflict_tables.TABLE.columns},
            means.keys(),
        )
        self.assertEmpty(conflict_tables.means(_CURVE[:1]))


if __name__ == "__main__":
    absltest.main()
