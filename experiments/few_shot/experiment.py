"""The description of the experiment on non-exclusive tasks."""

import dataclasses
from collections.abc import Sequence

import keras
import tensorflow as tf

from experiments.few_shot import methods
from experiments.figures import bars, conflicts, curves
from experiments.run import (
    contract,
    data,
    learner_tables,
    learners,
    pac_bayes,
    rows,
    settings,
)
from tfmeta import tasks, training
from tfmeta.tasks import sources, splits

_STREAMS = tasks.Streams("train", "curve", "eval")
_DATASETS = {"glyphs": "Glyphs", "omniglot": "Omniglot"}
# Yin et al. 2020, table 4, and for exclusive tasks Finn et al. 2017, table 1.
_PUBLISHED = tuple(
    contract.Published(
        method,
        {
            "dataset": "omniglot",
            "construction": construction,
            "ways": ways,
            "shots": shots,
        },
        accuracy,
    )
    for construction, ways, shots, method, accuracy in (
        ("fixed_label_per_class", 20, 1, "maml", 0.078),
        ("fixed_label_per_class", 20, 1, "taml", 0.096),
        ("fixed_label_per_class", 20, 1, "mr_maml_w", 0.833),
        ("fixed_label_per_class", 20, 5, "maml", 0.507),
        ("fixed_label_per_class", 20, 5, "taml", 0.679),
        ("fixed_label_per_class", 20, 5, "mr_maml_w", 0.941),
        ("mutually_exclusive", 5, 1, "maml", 0.987),
        ("mutually_exclusive", 20, 1, "maml", 0.958),
    )
)
_NOTE = """\
before: without adaptation. other support: with another task's support set.
A learner that is right there on meta-train tasks has memorized: it does not use
the support set, and is at chance on meta-test tasks.
NLL: negative log-likelihood in nats, ECE: expected calibration error; both of
the predictions after adaptation."""
_CONTROL_NOTE = """\
The control is the network of MR-MAML(W) at its settings, without noise and KL:
what it scores above MAML is owed to the unadapted encoder and the inner rate,
and only the rest to the regularization."""
_MODE_NOTE = """\
LLAMA's NLL and ECE are of predictions with the mode of its posterior: nothing
was averaged over draws (--test_draws=0)."""

_PROBLEM = (
    data.dataset(sources.IMAGE_CLASSES, "glyphs"),
    settings.choice(
        "omniglot_split",
        "random",
        tasks.OMNIGLOT_SPLITS,
        "Which characters are for meta-training (omniglot): random: 1200 by "
        "the seed; vinyals: those of Matching Networks; background_evaluation: "
        "the data set's own.",
    ),
    settings.switch(
        "rotations",
        False,
        "Whether images turned by 90, 180 and 270 degrees are further classes "
        "(omniglot).",
    ),
    settings.choice(
        "construction",
        "fixed_label_per_class",
        tasks.CONSTRUCTIONS,
        "How meta-train tasks are made of classes. Meta-test tasks always take "
        "any new classes with random labels.",
    ),
    settings.integer("ways", 20, "Classes in a task.", least=2),
    settings.integer("shots", 1, "Support images of each class."),
)
_QUERIES = settings.integer("queries", 1, "Query images of each class.")
_OWN_HYPERPARAMETERS = (
    settings.integer("filters", None, "Channels of each convolution; 64."),
    settings.integer(
        "cell_units",
        None,
        "Units of the LSTM that reads the support set (recurrent, mann); by "
        "default the method's.",
    ),
    settings.integer(
        "memory_slots",
        None,
        "Slots of the memory (mann); by default the method's.",
    ),
    settings.number(
        "taml_weight",
        None,
        "Weight of TAML's entropy; by default the method's.",
        zero=True,
        title="lambda",
    ),
    settings.number(
        "prior_precision",
        None,
        "Precision of LLAMA's prior; by default the method's.",
    ),
    settings.number(
        "curvature_weight",
        None,
        "Weight of LLAMA's log-determinant; by default the method's.",
        zero=True,
    ),
    settings.integer(
        "test_draws",
        None,
        "Draws of LLAMA's posterior over which predictions are averaged when "
        "it is scored; by default 0, which takes the mode.",
        least=0,
    ),
)


@dataclasses.dataclass(frozen=True)
class Classes(learners.Tasks):
    """Tasks made of classes of images.

    Attributes:
        splits: the classes.
    """

    splits: tasks.Splits

    @property
    def ways(self) -> int:
        """Classes in a task."""
        return self.values["ways"]

    @property
    def image_shape(self) -> tuple[int, ...]:
        """The shape of an image."""
        return self.splits.meta_train.image_shape

    @property
    def summary(self) -> str:
        """What a run prints of it."""
        return (
            f"{self.values['dataset']}: {self.splits.meta_train.num_classes} "
            f"meta-train, {self.splits.meta_validation.num_classes} "
            f"meta-validation and {self.splits.meta_test.num_classes} "
            f"meta-test classes; {self.values['ways']}-way "
            f"{self.values['shots']}-shot, {self.values['construction']}."
        )

    def episodes(self, split: str, use: str, start: int) -> tf.data.Dataset:
        """Returns an endless stream of tasks."""
        return tasks.sample_episodes(
            self.splits.part(split),
            ways=self.values["ways"],
            shots=self.values["shots"],
            queries=self.values["queries"],
            construction=(
                self.values["construction"]
                if split == "meta-train"
                else "mutually_exclusive"
            ),
            seed=_STREAMS.seed(self.values["seed"], use),
            assignment_seed=self.values["seed"],
            start=start,
        )


def _load(values: contract.Values) -> Classes:
    asked = {**values, "split": values["omniglot_split"]}
    return Classes(values, data.load(sources.IMAGE_CLASSES, asked))


def _notes(results: Sequence[rows.Row]) -> list[str]:
    notes = [_NOTE]
    if {"control", "mr_maml_w"} <= {row["method"] for row in results}:
        notes.append(_CONTROL_NOTE)
    return notes + _page_notes(results)


def _page_notes(results: Sequence[rows.Row]) -> list[str]:
    # Rows from before it was a setting are without draws.
    if any(
        row["method"] == "llama" and not row["settings"].get("test_draws")
        for row in results
    ):
        return [_MODE_NOTE]
    return []


def _folder(values: contract.Values) -> str:
    return (
        f"{values['dataset']}-{values['construction']}-{values['ways']}way-"
        f"{values['shots']}shot-seed{values['seed']}"
    )


EXPERIMENT = contract.Experiment(
    name="nme_classification",
    title="Classes that keep their labels",
    lead=(
        "A learner that is right on training tasks before it has adapted, or "
        "with the support set of another task (“other support”), reads the "
        "query alone: it has memorized. The control is the network of "
        "MR-MAML(W) at its settings, without noise and divergence: only what "
        "MR-MAML(W) scores above it is owed to the regularization. Weight "
        "decay on that network is a row that the paper lacks, too."
    ),
    methods=methods.METHODS,
    chosen=("maml", "control", "mr_maml_w"),
    problem=_PROBLEM,
    budget=(*learners.BUDGET, _QUERIES),
    hyperparameters=(*learners.HYPERPARAMETERS, *_OWN_HYPERPARAMETERS),
    traits=(
        contract.Trait("dataset", titles=_DATASETS),
        contract.Trait(
            "construction",
            titles={
                "fixed_groups": "classes in fixed groups",
                "fixed_label_per_class": "one label per class",
                "mutually_exclusive": "labels at random",
            },
        ),
        contract.Trait("ways", "{}-way", is_size=True),
        contract.Trait("shots", "{}-shot", is_size=True),
    ),
    load=_load,
    trainer=learners.LearnerTrainer(
        "accuracy",
        training.accuracy,
        loss=lambda: keras.losses.SparseCategoricalCrossentropy(
            from_logits=True
        ),
        error=pac_bayes.share_wrong,
        of_logits=True,
    ),
    metrics=(learner_tables.ACCURACY, *learner_tables.FURTHER),
    lines=learner_tables.lines(learner_tables.ACCURACY),
    columns=learner_tables.columns(learner_tables.ACCURACY),
    folder=_folder,
    splits=splits.SPLITS,
    places=(data.data_dir(sources.IMAGE_CLASSES),),
    published=_PUBLISHED,
    chance=lambda problem: 1 / problem["ways"],
    notes=_notes,
    page_notes=_page_notes,
    further=(learner_tables.BOUNDS,),
    shown_settings=(
        "inner_learning_rate",
        "inner_steps",
        "outer_learning_rate",
        "beta",
        "weight_decay",
        "taml_weight",
        "steps",
        "meta_batch_size",
    ),
    pictures=(
        bars.picture(
            bars.Bar(
                "meta-train",
                "accuracy_before_adaptation",
                "train, before",
                "#c9c9c9",
            ),
            bars.Bar(
                "meta-train",
                "accuracy_with_other_support",
                "train, other support",
                "#e8a33d",
            ),
            bars.Bar("meta-train", "accuracy", "train, adapted", "#7fb2d9"),
            bars.Bar(
                "meta-validation", "accuracy", "validation, adapted", "#4682b4"
            ),
            bars.Bar("meta-test", "accuracy", "test, adapted", "#1f5f99"),
        ),
        curves.picture(
            "meta-train tasks, adapted", "meta-validation tasks, adapted"
        ),
        conflicts.CONFLICTS,
    ),
)
