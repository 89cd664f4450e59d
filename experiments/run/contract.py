"""What an experiment is.

An `Experiment` is a description: of the methods that it compares, its problem,
how it trains, what it measures and what it shows. `run.command` makes flags of
it and runs it; the report reads it.
"""

import dataclasses
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from experiments.run import rows, settings
from tfmeta import errors, multitask, optimizers

# Values of settings, by name.
Values = Mapping[str, Any]
# What came of training and scoring a method, as JSON holds it: `"scores"`, for
# each split the estimates of metrics, by name; `"metrics"`, likewise estimates
# that are of no split; `"notes"`, see `rows.Row`; `"curve"`, one dict an epoch
# with its `"step"`; `"seconds"` of training; what `Experiment.examine` adds.
Outcome = dict[str, Any]


class Problem(Protocol):
    """What is to be learned: the data, as loaded."""

    @property
    def values(self) -> Values:
        """What was asked for, and what the data made of it.

        The values of all settings, where those that are by default the data's
        are filled in; and those of all traits, such as the number of classes.
        """

    @property
    def summary(self) -> str:
        """What a run prints of it; empty for nothing."""


@dataclasses.dataclass(frozen=True)
class Method:
    """A method that an experiment compares.

    Attributes:
        title: what it is, in a few words.
        build: `(settings, problem, seed)` to a model that is not compiled. The
            seed fixes the model's own draws; the weights' are Keras'.
        settings: all that can be set of it, with its defaults. A default may be
            a function of the settings before it. A flag for a setting that is
            not here leaves the method as it is.
        aggregator: the class of the optimizer that combines the gradients of
            tasks; None for their plain mean or sum.
        weighting: from a seed to what weights the losses of tasks; None for
            nothing.
    """

    title: str
    build: Callable[[Values, Any, int], Any]
    settings: Values
    aggregator: type[optimizers.TaskGradientOptimizer] | None = None
    weighting: Callable[[int], multitask.weightings.Weighting] | None = None

    def choose(self, given: Values) -> dict[str, Any]:
        """Returns its settings: what is given of them, or else its defaults.

        Args:
            given: values by name; None is not given.
        """
        chosen: dict[str, Any] = {}
        for name, default in self.settings.items():
            value = given.get(name)
            if value is None:
                value = default(chosen) if callable(default) else default
            chosen[name] = value
        return chosen


@dataclasses.dataclass(frozen=True)
class Metric:
    """Something that is measured.

    Attributes:
        name: its key in a row's `metrics`.
        title: what it is, with its unit.
        factor: what to multiply it with to get that unit.
        decimals: how many to show.
        sign: 1 if more is better, -1 if less is, 0 if neither.
        unit: what stands behind a number.
    """

    name: str
    title: str
    factor: float = 1.0
    decimals: int = 3
    sign: int = 0
    unit: str = ""


@dataclasses.dataclass(frozen=True)
class Published:
    """A paper's figure.

    Attributes:
        method: of which method.
        problem: on which problem: what a row's `problem` must hold.
        mean: the figure, in the unit of the experiment's first metric.
        std: its standard deviation, where it is known.
        split: what it was scored on.
    """

    method: str
    problem: Values
    mean: float
    std: float | None = None
    split: str = "meta-test"


@dataclasses.dataclass(frozen=True)
class Trait:
    """A value that tells one problem of an experiment from another.

    Attributes:
        name: its key in a row's `problem`.
        title: how it reads, with `{}` for the value; empty if it is not read.
        titles: how single values read, where not as they are.
        is_size: whether it is the size of a task, as ways and shots are.
    """

    name: str
    title: str = "{}"
    titles: Mapping[str, str] = dataclasses.field(default_factory=dict)
    is_size: bool = False

    def read(self, value: Any) -> str:
        """Returns how a value reads."""
        return self.title.format(self.titles.get(value, value))


@dataclasses.dataclass(frozen=True)
class Column:
    """A column of a table of methods.

    Attributes:
        title: its title.
        value: the name of a metric, a setting, a value of the budget or a note.
        splits: on which of them the metric was taken: the first that was
            scored; any if there are none.
        show: what is shown: of a metric `"spread"`, mean and standard deviation
            over seeds; `"mean"`, the mean; `"seeds"`, each seed's with its
            interval; `"values"`, each seed's alone; `"paper"`, the figure that
            was published; `"range"`, the least and the greatest of its parts;
            `"interquartile"`, the interquartile mean over these and over seeds,
            with its interval, see `run.interquartile`.
            Else `"setting"`, a setting or a value of the budget; `"minutes"`,
            how long the training took; `"note"`, a note. And what needs no
            value: `"method"`, `"problem"`, `"tasks"`, the problem in short,
            `"split"`, `"seed numbers"`, `"commits"`.
        is_result: whether the reader looks here first.
    """

    title: str
    value: str = ""
    splits: tuple[str, ...] = ()
    show: str = "spread"
    is_result: bool = False


@dataclasses.dataclass(frozen=True)
class FurtherTable:
    """A table of methods beside that of their scores.

    Attributes:
        caption: what it holds.
        columns: its columns. It has the methods that have something in one.
    """

    caption: str
    columns: Sequence[Column]


@dataclasses.dataclass(frozen=True)
class Budget:
    """How long to train, and what to evaluate on.

    Attributes:
        steps: steps of the optimizer.
        steps_per_epoch: of them between two checkpoints and validations.
        eval_splits: the splits to evaluate on.
        meta_batch_size: tasks in a step of a meta-learner.
        eval_tasks: tasks of each split to evaluate a meta-learner on.
    """

    steps: int
    steps_per_epoch: int
    eval_splits: tuple[str, ...]
    meta_batch_size: int = 0
    eval_tasks: int = 0

    @classmethod
    def of(cls, values: Values) -> "Budget":
        """Returns the budget that values of settings ask for.

        Raises:
            InputError: if the steps are not a number of epochs.
        """
        steps = values["steps"]
        per_epoch = min(values.get("steps_per_epoch", steps), steps)
        if steps % per_epoch:
            raise errors.InputError(
                f"--steps={steps}: expected a multiple of "
                f"--steps_per_epoch={per_epoch}"
            )
        return cls(
            steps,
            per_epoch,
            tuple(values.get("eval_splits", ())),
            values.get("meta_batch_size", 0),
            values.get("eval_tasks", 0),
        )


@dataclasses.dataclass(frozen=True)
class Job:
    """A method of a run, to be trained and scored.

    Attributes:
        method: the method.
        settings: its settings, see `Method.choose`.
        problem: what to train it on.
        budget: how long.
        seed: fixes data, weights and draws.
        folder: where checkpoints, logs and the model go.
        examine: see `Experiment`.
    """

    method: Method
    settings: Values
    problem: Any
    budget: Budget
    seed: int
    folder: pathlib.Path
    examine: Callable[[Any, "Job"], dict[str, Any]] = lambda model, job: {}


class Trainer(Protocol):
    """How methods of a kind are trained and scored."""

    def build(self, job: Job) -> Any:
        """Returns what is trained, as it is before training."""

    def run(self, job: Job) -> Outcome:
        """Trains and scores a method, or takes up where it stopped.

        Raises:
            DivergenceError: if the loss becomes NaN.
        """

    def clean_up(self, job: Job) -> None:
        """Removes what nobody needs once the outcome has been written."""


@dataclasses.dataclass(frozen=True)
class Run:
    """What came of a run, for its pictures and its table.

    Attributes:
        experiment: what was run.
        problem: on what.
        rows: the rows of `results.json`.
        outcomes: for each method what its training and scoring gave.
        folder: where it is.
    """

    experiment: "Experiment"
    problem: Any
    rows: Sequence[rows.Row]
    outcomes: Mapping[str, Outcome]
    folder: pathlib.Path

    def by_title(self, key: str) -> dict[str, Any]:
        """Returns what outcomes hold under a key, by the methods' titles.

        Methods whose outcomes have nothing there are left out.
        """
        return {
            self.experiment.methods[name].title: outcome[key]
            for name, outcome in self.outcomes.items()
            if key in outcome
        }


@dataclasses.dataclass(frozen=True)
class Picture:
    """A picture of a run.

    Attributes:
        name: its file's, without `.png`.
        title: what it shows.
        draw: draws a run into a file, or writes nothing if there is nothing to
            show. It may write files of that name into the methods' folders.
    """

    name: str
    title: str
    draw: Callable[[Run, pathlib.Path], None]


@dataclasses.dataclass(frozen=True)
class Experiment:
    """What an experiment asks, compares, measures and shows.

    Attributes:
        name: of its command, and in its rows.
        title: of its chapter.
        lead: what the chapter begins with.
        methods: what it compares, by name.
        chosen: the methods that run where no flag names others.
        problem: settings of what is to be learned.
        budget: settings of how long to train and on how much.
        hyperparameters: settings of methods; a flag of these is for all methods
            that have it.
        traits: what tells its problems apart, in the order of tables.
        load: from the values of all settings to the problem.
        trainer: how methods are trained and scored.
        metrics: what is measured; the first is what methods are judged by.
        lines: columns of the table that a run prints, a line for each method
            and split.
        columns: columns of tables with a line for each method.
        folder: from the values to the name of a run's folder.
        splits: what is scored on, if there is a choice.
        places: settings that leave the results as they are, such as folders.
        check: raises an `InputError` for values that do not fit together,
            before anything is loaded.
        examine: from a trained model and its job to what else its outcome is to
            hold.
        pictures: what a run draws.
        published: the paper's figures.
        published_note: what to say wherever these are shown.
        chance: from a row's problem to the first metric of a guess, None where
            that is not known.
        notes: from the rows of a run to the lines below its table.
        page_notes: from the rows of several runs to the paragraphs below their
            table on a page.
        shown_settings: settings and values of the budget that have a column in
            tables of settings.
        further: further tables.
        jobs: how many methods are trained side by side where no flag says; 0
            for one a core.
    """

    name: str
    title: str
    lead: str
    methods: Mapping[str, Method]
    chosen: Sequence[str]
    problem: Sequence[settings.Setting]
    budget: Sequence[settings.Setting]
    hyperparameters: Sequence[settings.Setting]
    traits: Sequence[Trait]
    load: Callable[[Values], Problem]
    trainer: Trainer
    metrics: Sequence[Metric]
    lines: Sequence[Column]
    columns: Sequence[Column]
    folder: Callable[[Values], str]
    splits: Sequence[str] = ()
    places: Sequence[settings.Setting] = ()
    check: Callable[[Values], None] = lambda values: None
    examine: Callable[[Any, Job], dict[str, Any]] = lambda model, job: {}
    pictures: Sequence[Picture] = ()
    published: Sequence[Published] = ()
    published_note: str = ""
    chance: Callable[[Values], float | None] = lambda problem: None
    notes: Callable[[Sequence[rows.Row]], list[str]] = lambda rows: []
    page_notes: Callable[[Sequence[rows.Row]], list[str]] = lambda rows: []
    shown_settings: Sequence[str] = ()
    further: Sequence[FurtherTable] = ()
    jobs: int = 1

    @property
    def spending(self) -> tuple[settings.Setting, ...]:
        """The budget, with the splits to evaluate on if there is a choice."""
        if not self.splits:
            return tuple(self.budget)
        *_, last = self.splits
        return (
            *self.budget,
            settings.names(
                "eval_splits",
                self.splits,
                self.splits,
                f"Comma-separated list of {', '.join(self.splits)}: what to "
                f"evaluate on. Settings are to be chosen without {last}.",
            ),
        )

    @property
    def setting_titles(self) -> dict[str, str]:
        """What tables call its settings, by their names."""
        return {
            setting.name: setting.title
            for setting in (
                *self.problem,
                *self.spending,
                *self.hyperparameters,
            )
        }

    @property
    def metric(self) -> Metric:
        """What methods are judged by."""
        return self.metrics[0]

    def find_metric(self, name: str) -> Metric:
        """Returns the metric of a name.

        A part, `accuracy/greek`, and another moment, `accuracy_before_...`, are
        written as the whole. What is not described is a plain number.
        """
        for metric in self.metrics:
            if name == metric.name or name.startswith(
                (f"{metric.name}/", f"{metric.name}_")
            ):
                return metric
        return Metric(name, name.replace("_", " "))

    def find_published(
        self, method: str, problem: Values, split: str | None
    ) -> Published | None:
        """Returns the paper's figure for a row, if there is one."""
        for figure in self.published:
            if (figure.method, figure.split) == (method, split) and all(
                problem.get(name) == value
                for name, value in figure.problem.items()
            ):
                return figure
        return None

    def problem_title(self, problem: Values, *, short: bool = False) -> str:
        """Returns what a row's problem is called.

        Args:
            problem: the row's.
            short: whether to give the size of a task alone, if it has one.
        """
        read = [
            (trait.read(problem[trait.name]), trait.is_size)
            for trait in self.traits
            if trait.title and problem.get(trait.name) is not None
        ]
        size = " ".join(text for text, is_size in read if is_size)
        if short and size:
            return size
        others = [text for text, is_size in read if not is_size]
        return ", ".join(filter(None, [*others, size]))


@dataclasses.dataclass(frozen=True)
class Sweep:
    """A setting of an experiment that a study gives several values.

    Attributes:
        setting: its name: any that the experiment has a flag for.
        flag: the study's flag for the values.
        values: those without a flag.
        help: the flag's help text.
    """

    setting: str
    flag: str
    values: Sequence[Any]
    help: str


@dataclasses.dataclass(frozen=True)
class Score:
    """One of the numbers that a study shows of a cell.

    Attributes:
        metric: its name.
        split: on which it was taken.
        title: what it says.
    """

    metric: str
    split: str
    title: str


@dataclasses.dataclass(frozen=True)
class Study:
    """An experiment at each of several values of some of its settings.

    Each cell, a method with a seed and a value of each of the settings, is a
    run of the experiment in a process of its own. Its rows are the
    experiment's.

    Attributes:
        name: of its command.
        title: of its chapter.
        lead: what the chapter begins with.
        experiment: what is run.
        chosen: the methods that run where no flag names others.
        sweeps: what has several values.
        scores: what is shown of a cell: first what is to be high.
        note: what to say of the numbers below a table of them.
        defaults: the defaults of the experiment's flags that differ here.
        pictures: what it draws.
    """

    name: str
    title: str
    lead: str
    experiment: Experiment
    chosen: Sequence[str]
    sweeps: Sequence[Sweep]
    scores: Sequence[Score]
    note: str
    defaults: Values = dataclasses.field(default_factory=dict)
    pictures: Sequence[Picture] = ()


# What a command runs.
Command = Experiment | Study


def experiment_of(command: Command) -> Experiment:
    """Returns the experiment that a command or each cell of a study runs."""
    return command.experiment if isinstance(command, Study) else command


@dataclasses.dataclass(frozen=True)
class Part:
    """A part of the story that the report tells.

    Attributes:
        name: its anchor.
        title: its title.
        lead: what it begins with.
        chapters: what it is told by, in order.
    """

    name: str
    title: str
    lead: str
    chapters: Sequence[Command]
