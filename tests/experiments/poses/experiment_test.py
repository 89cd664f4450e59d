"""The command on pose prediction, in this process."""

import json
import os
import pathlib
from unittest import mock

import numpy as np
import tensorflow as tf
from absl.testing import absltest, parameterized

from experiments.poses import experiment
from experiments.run import flags as flags_of
from experiments.run import main_loop
from tests.experiments import commands, killed_runs
from tests.tasks.poses import pose_cases
from tfmeta import errors, tasks
from tfmeta.tasks.poses import backends, pose_objects, rendering
from tfmeta.training import checkpoints

_SMALL = (
    "--image_size=8",
    "--renders=6",
    "--meta_validation_objects=1",
    "--meta_test_objects=2",
    "--code_side=3",
    "--filters=4",
    "--shots=2",
    "--queries=3",
    "--steps=4",
    "--steps_per_epoch=2",
    "--meta_batch_size=2",
    "--eval_tasks=4",
    "--inner_steps=1",
    "--test_inner_steps=2",
)


class _FakeRenderer:
    """Draws a slope towards the azimuth."""

    def __init__(self, image_size, *, backend):
        self._places = np.linspace(-1, 1, image_size)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        pass

    def render(self, shape, azimuths):
        del shape
        slopes = (
            np.cos(azimuths)[:, np.newaxis, np.newaxis] * self._places
            + np.sin(azimuths)[:, np.newaxis, np.newaxis]
            * self._places[:, np.newaxis]
        )
        return (127 + 80 * slopes).astype(np.uint8)


class CommandTest(commands.CommandTestCase):
    experiment = experiment.EXPERIMENT
    small = _SMALL

    def setUp(self):
        super().setUp()
        folder = pathlib.Path(self.create_tempdir().full_path)
        self.cad = folder / "cad"
        for number in range(5):
            self.write(
                f"car/{number}", pose_cases.WEDGE.format(height=1 + number / 10)
            )
        self.enter_context(
            mock.patch.dict(
                os.environ, {"TFMETA_CACHE_DIR": str(folder / "cache")}
            )
        )

    def write(self, name, content):
        path = self.cad / f"{name}.off"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)

    def run_command(self, *argv, out=None):
        return super().run_command(f"--cad={self.cad}", *argv, out=out)

    def load(self, *argv):
        """Returns the problem that the command would train on."""
        return self.experiment.load(
            flags_of.parse(
                main_loop.settings_of(self.experiment),
                [*_SMALL, f"--cad={self.cad}", *argv],
            )
        )


class RenderingTest(CommandTest):
    def setUp(self):
        super().setUp()
        pose_cases.require_backend()

    def test_renders_trains_and_draws(self):
        rows = self.run_command("--methods=cnp")["rows"]
        self.assertEqual(
            [row["split"] for row in rows],
            ["meta-train", "meta-validation", "meta-test"],
        )
        self.assertGreater((self.out / "adapted.png").stat().st_size, 1000)


class WithoutRenderingTest(CommandTest):
    def setUp(self):
        super().setUp()
        for module, name, replacement in (
            (rendering, "Renderer", _FakeRenderer),
            (backends, "mujoco_version", lambda: "3.0"),
        ):
            self.enter_context(mock.patch.object(module, name, replacement))

    def test_a_run_leaves_everything(self):
        argv = ("--methods=control,cnp", "--shots=3")
        results = self.run_command(*argv)
        for row in results["rows"]:
            self.assertEqual(
                (row["experiment"], row["problem"], row["budget"]["steps"]),
                ("pose_prediction", {"dataset": "cad", "shots": 3}, 4),
            )
            for kind in ("", "_before_adaptation", "_with_other_support"):
                measured = row["metrics"][f"mse{kind}"]
                self.assertGreater(measured["mean"], 0)
                self.assertEqual(measured["count"], 4)
        for name in ("curves.png", "adapted.png", "objects.png"):
            self.assertGreater((self.out / name).stat().st_size, 1000)
        outcome = json.loads((self.out / "cnp" / "outcome.json").read_text())
        with self.subTest("objects are those of the last split"):
            self.assertLen(outcome["objects"], 2)
        # What is published where shows which run this was, not where it lay.
        self.assertNotIn(str(self.cad), json.dumps(results))
        with self.subTest("a learner that adapts without this library"):
            loaded = tf.saved_model.load(self.out / "cnp" / "saved_model")
            predictions = loaded.signatures["serving_default"](
                support_x=tf.zeros([3, 8, 8, 1]),
                support_y=tf.zeros([3, 1]),
                query_x=tf.zeros([2, 8, 8, 1]),
            )["predictions"]
            self.assertEqual(predictions.shape, (2, 1))
        with self.subTest("the same command again does nothing over"):
            with mock.patch.object(checkpoints.Checkpoints, "save") as save:
                self.run_command(*argv)
            save.assert_not_called()
            self.assertEqual(self.read_results(), results)
        with (
            self.subTest("a folder of another run is left alone"),
            self.assertRaisesRegex(
                errors.InputError, "--split_seed was 0 and is 1"
            ),
        ):
            self.run_command(*argv, "--split_seed=1")
        self.write("car/9", pose_cases.WEDGE.format(height=2))
        with (
            self.subTest("and one of other objects"),
            self.assertRaisesRegex(errors.InputError, "--cad was '5 o.* '6 o"),
        ):
            self.run_command(*argv)

    def test_a_killed_run_ends_as_if_it_had_not_been(self):
        # With these streams; other methods are killed on sinusoids.
        killed_runs.assert_ends_as_if_it_had_not_been(
            self,
            "mr_cnp_a",
            lambda out: self.run_command("--methods=mr_cnp_a", out=out),
        )

    def test_the_papers_figures_are_of_cad_models_as_modelled_alone(self):
        composed = ("--cad=", "--meta_validation_objects=40")
        for argv, dataset, is_published in (
            (["--canonical=random"], "cad", False),
            (["--canonical=model"], "cad_as_modelled", True),
            ([*composed, "--canonical=random"], "composed", False),
            ([*composed, "--canonical=model"], "composed_as_modelled", False),
        ):
            problem = self.load(*argv).values
            self.assertEqual(problem["dataset"], dataset)
            figure = self.experiment.find_published(
                "maml", {**problem, "shots": 15}, "meta-test"
            )
            self.assertEqual(figure is not None, is_published)
            if figure:
                self.assertEqual(figure.mean, 5.39)

    @parameterized.named_parameters(
        ("method", "--methods: 'mamml' is unknown.*maml", "--methods=mamml"),
        ("cad", "^cad: .*missing.zip", "--cad=missing.zip"),
        ("backend", "backend=glfw", "--backend=glfw"),
        ("canonical", "canonical=mean", "--canonical=mean"),
        ("renders", "no more support and query images", "--shots=4"),
        ("images", "image_size=7", "--image_size=7"),
        ("objects", "^cad: expected 7 objects .*5", "--meta_test_objects=5"),
        ("no_objects", "meta_test_objects=0", "--meta_test_objects=0"),
        ("steps", "--steps=7: expected a multiple", "--steps=7"),
        ("beta", "beta", "--beta=-1"),
    )
    def test_mistake(self, message, *argv):
        self.assert_mistake(message, *argv)

    def test_objects_are_those_of_the_last_split_evaluated(self):
        self.run_command(
            "--methods=cnp", "--eval_splits=meta-train,meta-validation"
        )
        outcome = json.loads((self.out / "cnp" / "outcome.json").read_text())
        self.assertLen(outcome["objects"], 1)

    def test_mistakes_in_flags_are_told_before_anything_is_rendered(self):
        with (
            mock.patch.object(_FakeRenderer, "render") as render,
            self.assertRaisesRegex(errors.InputError, "--eval_splits"),
        ):
            self.run_command("--eval_splits=test")
        render.assert_not_called()

    def test_broken_meshes_are_named_and_the_others_kept(self):
        self.write("car/2", "OFF\n")
        with self.assertRaisesRegex(errors.InputError, "^cad: 1 of 5 .*car/2"):
            self.run_command()
        self.assertFalse(self.out.exists())
        self.write("car/2", pose_cases.WEDGE.format(height=2))
        with mock.patch.object(
            _FakeRenderer,
            "render",
            autospec=True,
            side_effect=_FakeRenderer.render,
        ) as render:
            self.load()
        render.assert_called_once()


class MissingLibraryTest(CommandTest):
    def test_is_named_with_its_package(self):
        with (
            mock.patch("ctypes.util.find_library", return_value=None),
            mock.patch.object(backends, "mujoco_version", return_value="3.0"),
            self.assertRaisesRegex(
                errors.InputError, "apt-get install libosmesa6"
            ),
        ):
            self.run_command()
        self.assertFalse(self.out.exists())


class ProblemTest(absltest.TestCase):
    def setUp(self):
        super().setUp()
        rng = np.random.default_rng(0)
        objects = pose_objects.PoseObjects(
            rng.integers(0, 256, [9, 30, 8, 8, 1], np.uint8),
            rng.uniform(0, 2 * np.pi, [9, 30]),
            [f"object{number}" for number in range(9)],
        )
        self.splits = tasks.Splits(
            *(
                objects.select(part)
                for part in ([0, 1, 2], [3, 4, 5], [6, 7, 8])
            )
        )

    def problem(self, seed):
        values = {"shots": 3, "queries": 4, "seed": seed}
        return experiment.Objects(values, self.splits)

    def tasks_of(self, seed):
        problem = self.problem(seed)
        return {
            name: next(stream.batch(20).as_numpy_iterator())
            for name, stream in {
                "train": problem.train_episodes(start=0),
                "later": problem.train_episodes(start=20),
                "curve": problem.validation_episodes(),
                **{
                    split: problem.eval_episodes(split)
                    for split in ("meta-train", "meta-validation", "meta-test")
                },
            }.items()
        }

    def test_streams_draw_apart(self):
        drawn = [
            row.tobytes()
            for seed in (0, 1)
            for episodes in self.tasks_of(seed).values()
            for row in episodes.support_y
        ]
        self.assertLen(set(drawn), len(drawn))

    def test_each_stream_has_the_objects_of_its_split(self):
        drawn = self.tasks_of(seed=0)
        for objects, streams in zip(
            self.splits,
            (
                ("train", "later", "meta-train"),
                ("curve", "meta-validation"),
                ("meta-test",),
            ),
            strict=True,
        ):
            for stream in streams:
                labels = np.concatenate(
                    [drawn[stream].support_y, drawn[stream].query_y], axis=1
                )
                self.assertTrue(np.isin(labels, objects.labels).all())
                found = {
                    int(np.argmax((objects.labels == label).any(1)))
                    for label in labels[:, 0, 0]
                }
                self.assertEqual(found, {0, 1, 2})

    def test_the_picture_shows_new_objects(self):
        problem = self.problem(0)
        examples = problem.examples()
        self.assertEqual(list(examples), list(self.splits.meta_test.names))
        for labels, episode in zip(
            self.splits.meta_test.labels, examples.values(), strict=True
        ):
            self.assertTrue(np.isin(episode.query_y, labels).all())


if __name__ == "__main__":
    absltest.main()
