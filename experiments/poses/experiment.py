"""The description of the experiment on pose prediction."""

import dataclasses
import hashlib
from typing import Any

import tensorflow as tf

from experiments.poses import methods, objects, pictures
from experiments.regression import description, predictions
from experiments.run import cli, contract, learners, settings
from tfmeta import errors, tasks
from tfmeta import learners as meta_learners
from tfmeta.tasks import sources
from tfmeta.tasks.poses import backends, canonical_orientations, pose_objects

_STREAMS = tasks.Streams("train", "curve", "eval", "picture")
_PICTURED_OBJECTS = 3
# Yin et al. 2020, tables 2 and 3: 15 CAD models held out, rendered by code that
# draws no canonical orientations.
_PUBLISHED = tuple(
    contract.Published(
        method, {"dataset": "cad_as_modelled", "shots": 15}, *figure
    )
    for method, figure in {
        "maml": (5.39, 1.31),
        "mr_maml_w": (2.26, 0.09),
        "cnp": (8.48, 0.12),
        "cnp_weight_decay": (6.86, 0.27),
        "cnp_bayes_by_backprop": (7.73, 0.82),
        "mr_cnp_w": (2.89, 0.18),
    }.items()
)
_PROBLEM = (
    settings.text(
        "cad",
        None,
        "Folder or zip file of CAD models, <class>/<instance>.off; by default "
        "objects composed of primitives.",
    ),
    settings.integer(
        "image_size", 64, "Height and width of the images, in pixels.", least=8
    ),
    settings.integer("renders", 100, "Images of each object.", least=2),
    settings.choice(
        "canonical",
        "random",
        canonical_orientations.CANONICALS,
        "Where azimuth 0 of an object is: 'random', an orientation that is "
        "drawn for each object, or 'model', as it was modelled, which makes it "
        "the same for all CAD models of a class.",
    ),
    settings.integer(
        "code_side",
        7,
        "Height and width of an image's code, which gradient-based methods "
        "adapt on.",
    ),
    settings.integer(
        "filters",
        32,
        "Channels of each block that gradient-based methods adapt.",
    ),
    settings.integer(
        "meta_validation_objects", 6, "Objects to choose settings on."
    ),
    settings.integer("meta_test_objects", 15, "Objects to report results on."),
    settings.integer(
        "split_seed",
        0,
        "Fixes which objects these are, apart from --seed: settings that were "
        "chosen without meta-test objects are for all seeds.",
        least=0,
    ),
)
_PLACES = (
    settings.choice(
        "backend",
        None,
        backends.BACKENDS,
        "What MuJoCo renders through; by default what is there.",
    ),
)


@dataclasses.dataclass(frozen=True)
class Objects(learners.Tasks):
    """Tasks to tell the azimuths of an object.

    Attributes:
        splits: the objects.
    """

    splits: tasks.Splits[tasks.PoseObjects]

    @property
    def shown_split(self) -> str:
        """The last split that is evaluated: not meta-test while choosing."""
        return self.values["eval_splits"][-1]

    def episodes(self, split: str, use: str, start: int) -> tf.data.Dataset:
        """Returns an endless stream of tasks."""
        return self._sample(self.splits.part(split), use, start)

    def examples(self) -> dict[str, tasks.Episode]:
        """Returns a task of each of the first meta-test objects, by name."""
        return {
            name: next(
                self._sample(
                    self.splits.meta_test.select([index]), "picture"
                ).as_numpy_iterator()
            )
            for index, name in enumerate(
                self.splits.meta_test.names[:_PICTURED_OBJECTS]
            )
        }

    def errors_of_objects(
        self, learner: meta_learners.Learner
    ) -> dict[str, float]:
        """Returns a learner's error on each object of `shown_split`."""
        return objects.mean_errors(
            learner,
            self.splits.part(self.shown_split),
            shots=self.values["shots"],
            queries=self.values["queries"],
            seed=_STREAMS.seed(self.values["seed"], "eval"),
        )

    def _sample(
        self, of: tasks.PoseObjects, use: str, start: int = 0
    ) -> tf.data.Dataset:
        return tasks.sample_pose_episodes(
            of,
            shots=self.values["shots"],
            queries=self.values["queries"],
            seed=_STREAMS.seed(self.values["seed"], use),
            start=start,
        )


def _check(values: contract.Values) -> None:
    if values["shots"] + values["queries"] > values["renders"]:
        raise errors.InputError(
            f"--shots={values['shots']}, --queries={values['queries']}: "
            "expected no more support and query images than there are renders, "
            f"{values['renders']}"
        )


def _load(values: contract.Values) -> Objects:
    source = "cad" if values["cad"] else "composed"
    splits = sources.POSE_OBJECTS[source].load_from(
        {
            **values,
            "seed": values["split_seed"],
            "cad": values["cad"] and cli.resolve_path(values["cad"]),
        }
    )
    as_modelled = "_as_modelled" if values["canonical"] == "model" else ""
    completed = {
        "dataset": source + as_modelled,
        # Their images, wherever the file lies.
        "cad": _describe(splits),
    }
    return Objects({**values, **completed}, splits)


def _describe(splits: tasks.Splits[tasks.PoseObjects]) -> str:
    """Returns how many objects there are, and a digest of their images."""
    digest = hashlib.sha256()
    for part in splits:
        digest.update(part.images.tobytes())
        digest.update(part.azimuths.tobytes())
    count = sum(len(part.names) for part in splits)
    return f"{count} objects, {digest.hexdigest()[:12]}"


def _examine(
    learner: meta_learners.Learner, job: contract.Job
) -> dict[str, Any]:
    examples = list(job.problem.examples().values())
    return {
        "examples": predictions.predict(learner, examples),
        "objects": job.problem.errors_of_objects(learner),
    }


EXPERIMENT = description.describe(
    name="pose_prediction",
    title="The pose of objects",
    lead=(
        "A network that knows every training object by its looks tells its "
        "pose without a support set, and errs on new objects. Azimuth 0 is an "
        "orientation drawn for each object or, as in the paper’s code, where "
        "its model faces, the same way for a class. Less error is better."
    ),
    methods=methods.METHODS,
    chosen=("maml", "control", "mr_maml_w", "cnp", "mr_cnp_w"),
    problem=_PROBLEM,
    places=_PLACES,
    defaults={
        "shots": 15,
        "queries": 15,
        "meta_batch_size": 4,
        "steps": 600,
        "steps_per_epoch": 200,
        "eval_tasks": 100,
    },
    traits=(
        contract.Trait(
            "dataset",
            titles={
                "cad": "CAD models",
                "cad_as_modelled": "CAD models, a class facing one way",
                "composed": "Composed objects",
                "composed_as_modelled": "Composed objects as composed",
            },
        ),
    ),
    check=_check,
    load=_load,
    label_range=(0.0, pose_objects.FULL_TURN),
    published=_PUBLISHED,
    examine=_examine,
    pictures=(pictures.ADAPTED, objects.OBJECTS),
)
