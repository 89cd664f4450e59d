r"""Does a meta-learner memorize how objects stand? MAML, neural processes, kin.

Trains each method to tell from images of an object, some of them with their
azimuths, the azimuths of the others. Azimuth 0 is an orientation of each
object's own, which a learner can adapt to, or memorize for the objects that it
is trained on; then it asks how it does on new ones (Yin et al. 2020, section
6.2).

    ./bazelw run //experiments:pose_prediction
    ./bazelw run //experiments:pose_prediction -- --cad=$HOME/CAD_off.zip
    ./bazelw run //experiments:pose_prediction -- --cad=$HOME/CAD_off.zip \
      --canonical=model

The first takes objects composed of primitives, the second the CAD models of
PASCAL3D+: a folder or zip file of `<class>/<instance>.off`. The third leaves
azimuth 0 where the models have it, the same for all of a class, as the paper's
code does; it alone can be held against the paper's figures. A run that was
stopped goes on when the same command is given again.
"""

import dataclasses
import hashlib

import tensorflow as tf
from absl import flags

from experiments import (
    learner_flags,
    learner_training,
    pose_methods,
    pose_objects,
    pose_pictures,
    regression_run,
)
from experiments.run import cli
from tfmeta import learners, tasks
from tfmeta.tasks.poses import pose, rendering

_CAD = flags.DEFINE_string(
    "cad",
    None,
    "Folder or zip file of CAD models, <class>/<instance>.off; by default "
    "objects composed of primitives.",
)
_BACKEND = flags.DEFINE_enum(
    "backend",
    None,
    list(rendering.BACKENDS),
    "What MuJoCo renders through; by default what is there.",
)
_IMAGE_SIZE = flags.DEFINE_integer(
    "image_size",
    64,
    "Height and width of the images, in pixels.",
    lower_bound=8,
)
_RENDERS = flags.DEFINE_integer(
    "renders", 100, "Images of each object.", lower_bound=2
)
_CANONICAL = flags.DEFINE_enum(
    "canonical",
    "random",
    list(pose.CANONICALS),
    "Where azimuth 0 of an object is: 'random', an orientation that is drawn "
    "for each object, or 'model', as it was modelled, which makes it the same "
    "for all CAD models of a class.",
)
_CODE_SIDE = flags.DEFINE_integer(
    "code_side",
    7,
    "Height and width of an image's code, which gradient-based methods adapt "
    "on.",
    lower_bound=1,
)
_FILTERS = flags.DEFINE_integer(
    "filters",
    32,
    "Channels of each block that gradient-based methods adapt.",
    lower_bound=1,
)
_META_VALIDATION_OBJECTS = flags.DEFINE_integer(
    "meta_validation_objects",
    6,
    "Objects to choose settings on.",
    lower_bound=1,
)
_META_TEST_OBJECTS = flags.DEFINE_integer(
    "meta_test_objects", 15, "Objects to report results on.", lower_bound=1
)
_SPLIT_SEED = flags.DEFINE_integer(
    "split_seed",
    0,
    "Fixes which objects these are, apart from --seed: settings that were "
    "chosen without meta-test objects are for all seeds.",
    lower_bound=0,
)
for _name, _value in {
    "methods": ["maml", "control", "mr_maml_w", "cnp", "mr_cnp_w"],
    "shots": 15,
    "queries": 15,
    "meta_batch_size": 4,
    "steps": 600,
    "steps_per_epoch": 200,
    "eval_tasks": 100,
}.items():
    flags.FLAGS.set_default(_name, _value)
flags.adopt_module_key_flags(regression_run)


@flags.multi_flags_validator(
    ["shots", "queries", "renders"],
    "expected no more support and query images than there are renders",
)
def _enough_renders(values):
    return values["shots"] + values["queries"] <= values["renders"]


# Streams of tasks that must not share their episodes.
_STREAMS = ("train", "curve", "eval", "picture")
# Yin et al. 2020, tables 2 and 3: 15 CAD models held out, rendered by code that
# draws no canonical orientations.
_PUBLISHED = {
    (method, 15): regression_run.Published(*figure)
    for method, figure in {
        "maml": (5.39, 1.31),
        "mr_maml_w": (2.26, 0.09),
        "cnp": (8.48, 0.12),
        "cnp_weight_decay": (6.86, 0.27),
        "cnp_bayes_by_backprop": (7.73, 0.82),
        "mr_cnp_w": (2.89, 0.18),
    }.items()
}


@dataclasses.dataclass(frozen=True)
class Problem:
    """The tasks, see `learner_training.Problem`.

    Attributes:
        splits: the objects.
        shots: support images of a task.
        queries: query images of a task.
        seed: fixes all streams of tasks.
    """

    splits: tasks.PoseSplits
    shots: int
    queries: int
    seed: int

    def train_episodes(self, *, start: int) -> tf.data.Dataset:
        """Returns the tasks to train on, from number `start` on."""
        return self._episodes(self.splits.meta_train, "train", start)

    def validation_episodes(self) -> tf.data.Dataset:
        """Returns the tasks of the learning curve."""
        return self._episodes(self.splits.meta_validation, "curve")

    def eval_episodes(self, split: str) -> tf.data.Dataset:
        """Returns the tasks to score on, of a split."""
        return self._episodes(self._objects(split), "eval")

    def examples(self) -> list[pose_pictures.Example]:
        """Returns the tasks of the picture."""
        return pose_pictures.draw_examples(
            self.splits.meta_test,
            shots=self.shots,
            queries=self.queries,
            seed=self._stream_seed("picture"),
        )

    def errors_of_objects(
        self, learner: learners.Learner, split: str
    ) -> dict[str, float]:
        """Returns the error on each object of a split."""
        return pose_objects.mean_errors(
            learner,
            self._objects(split),
            shots=self.shots,
            queries=self.queries,
            seed=self._stream_seed("eval"),
        )

    def _objects(self, split: str) -> tasks.PoseObjects:
        of_splits = dict(zip(learner_training.SPLITS, self.splits, strict=True))
        return of_splits[split]

    def _episodes(self, objects, stream, start=0):
        return tasks.sample_pose_episodes(
            objects,
            shots=self.shots,
            queries=self.queries,
            seed=self._stream_seed(stream),
            start=start,
        )

    def _stream_seed(self, stream: str) -> int:
        return len(_STREAMS) * self.seed + _STREAMS.index(stream)


def main() -> None:
    """Trains and evaluates the methods, and writes what came of it."""
    methods = pose_methods.methods(
        image_size=_IMAGE_SIZE.value,
        code_side=_CODE_SIDE.value,
        filters=_FILTERS.value,
    )
    as_modelled = _CANONICAL.value == "model"
    dataset = "cad" if _CAD.value else "composed"
    experiment = regression_run.Experiment(
        "pose_prediction",
        methods,
        _PUBLISHED if _CAD.value and as_modelled else {},
        label_range=(0.0, pose.FULL_TURN),
        dataset=f"{dataset}_as_modelled" if as_modelled else dataset,
    )
    regression_run.check_flags(experiment)
    splits = tasks.load_pose(
        cli.resolve_path(_CAD.value) if _CAD.value else None,
        seed=_SPLIT_SEED.value,
        meta_validation_objects=_META_VALIDATION_OBJECTS.value,
        meta_test_objects=_META_TEST_OBJECTS.value,
        renders=_RENDERS.value,
        image_size=_IMAGE_SIZE.value,
        canonical=_CANONICAL.value,
        backend=_BACKEND.value,
    )
    problem = Problem(
        splits,
        shots=regression_run.SHOTS.value,
        queries=regression_run.QUERIES.value,
        seed=learner_flags.SEED.value,
    )
    examples = problem.examples()
    # Not meta-test, where settings are chosen without it.
    split = learner_flags.budget().eval_splits[-1]
    run = regression_run.run(
        experiment,
        problem,
        config={
            # Their images, wherever the file lies.
            "cad": _describe(splits),
            **{
                holder.name: holder.value
                for holder in (
                    _IMAGE_SIZE,
                    _RENDERS,
                    _CANONICAL,
                    _CODE_SIDE,
                    _FILTERS,
                    _META_VALIDATION_OBJECTS,
                    _META_TEST_OBJECTS,
                    _SPLIT_SEED,
                )
            },
        },
        examine=lambda learner: {
            "examples": pose_pictures.predict(learner, examples),
            "objects": problem.errors_of_objects(learner, split),
        },
    )
    found = {
        methods[name].title: outcome for name, outcome in run.outcomes.items()
    }
    pose_pictures.draw(
        examples,
        {title: outcome["examples"] for title, outcome in found.items()},
        run.folder.path / "adapted.png",
    )
    pose_objects.draw(
        {title: outcome["objects"] for title, outcome in found.items()},
        split,
        run.folder.path / "objects.png",
    )


def _describe(splits: tasks.PoseSplits) -> str:
    """Returns how many objects there are, and a digest of their images."""
    digest = hashlib.sha256()
    for objects in splits:
        digest.update(objects.images.tobytes())
        digest.update(objects.azimuths.tobytes())
    count = sum(len(objects.names) for objects in splits)
    return f"{count} objects, {digest.hexdigest()[:12]}"


if __name__ == "__main__":
    cli.run(main)
