"""The flags that all commands on meta-learners share.

A command sets the defaults that are its own (`flags.FLAGS.set_default`) and
adopts the flags, so that its `--help` lists them
(`flags.adopt_module_key_flags`).
"""

from typing import Any

from absl import flags

from experiments import learner_training, method_settings
from experiments.run import cli

SEED = flags.DEFINE_integer(
    "seed",
    0,
    "Fixes tasks, weights and draws, and the splits where no other flag does.",
    lower_bound=0,
)
OUT = flags.DEFINE_string(
    "out",
    None,
    "Folder of the run; by default results/, the command's name and the "
    "problem's.",
)
_INNER_STEPS = flags.DEFINE_integer(
    "inner_steps",
    None,
    "Gradient steps of the inner loop in training; by default the method's.",
    lower_bound=1,
)
_TEST_INNER_STEPS = flags.DEFINE_integer(
    "test_inner_steps",
    None,
    "Gradient steps of the inner loop at test; by default the method's.",
    lower_bound=1,
)
_STEPS = flags.DEFINE_integer(
    "steps", 600, "Outer steps of each method.", lower_bound=1
)
_STEPS_PER_EPOCH = flags.DEFINE_integer(
    "steps_per_epoch",
    100,
    "Steps between two checkpoints, validations and points of the curves.",
    lower_bound=1,
)
_META_BATCH_SIZE = flags.DEFINE_integer(
    "meta_batch_size", 8, "Tasks in an outer step.", lower_bound=2
)
_EVAL_SPLITS = flags.DEFINE_list(
    "eval_splits",
    list(learner_training.SPLITS),
    f"Comma-separated list of {', '.join(learner_training.SPLITS)}: which "
    "tasks to evaluate on. Settings are to be chosen without meta-test.",
)
_EVAL_TASKS = flags.DEFINE_integer(
    "eval_tasks", 600, "Tasks to evaluate on, of each split.", lower_bound=2
)
_OUTER_SCHEDULE = flags.DEFINE_enum(
    "outer_schedule",
    None,
    method_settings.OUTER_SCHEDULES,
    "Whether the outer learning rate falls to zero as half a cosine over the "
    "run, or stays; cosine.",
)
_RATES = [
    cli.define_number(name, f"{meaning}; by default the method's.", zero=zero)
    for name, meaning, zero in (
        ("inner_learning_rate", "Step size of the inner loop", False),
        ("outer_learning_rate", "Learning rate of Adam at the start", False),
        ("beta", "Weight of the KL divergence", True),
        ("initial_scale", "Initial sigma of the posterior", False),
        ("weight_decay", "Decoupled weight decay", True),
    )
]


def budget() -> learner_training.Budget:
    """Returns how long to train, and what to evaluate on.

    Raises:
        InputError: if a flag is wrong.
    """
    return learner_training.Budget(
        steps=_STEPS.value,
        steps_per_epoch=cli.steps_per_epoch(_STEPS, _STEPS_PER_EPOCH),
        meta_batch_size=_META_BATCH_SIZE.value,
        eval_splits=tuple(cli.chosen(_EVAL_SPLITS, learner_training.SPLITS)),
        eval_tasks=_EVAL_TASKS.value,
    )


def overrides() -> dict[str, Any]:
    """Returns the method settings that the user gave; None says nothing."""
    return values(*_RATES, _INNER_STEPS, _TEST_INNER_STEPS, _OUTER_SCHEDULE)


def config() -> dict[str, Any]:
    """Returns the flags that fix the results of a method."""
    return (
        values(
            _STEPS,
            _STEPS_PER_EPOCH,
            _META_BATCH_SIZE,
            _EVAL_SPLITS,
            _EVAL_TASKS,
            SEED,
        )
        | overrides()
    )


def values(*holders: flags.FlagHolder) -> dict[str, Any]:
    """Returns flags by their names."""
    return {holder.name: holder.value for holder in holders}
