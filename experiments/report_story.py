"""The story that the report tells: its parts, and the experiments in them."""

from typing import NamedTuple

from experiments import report_checks

STUDY = "nme_study"


class Chapter(NamedTuple):
    """A part of the story, or an experiment in it.

    Attributes:
        anchor: its name within the page; an experiment's is its command.
        title: its title.
        lead: what it begins with.
    """

    anchor: str
    title: str
    lead: str


# In the order of the story.
EXPERIMENTS = {
    chapter.anchor: chapter
    for chapter in (
        Chapter(
            report_checks.CLASSIFICATION,
            "Classes that keep their labels",
            "A learner that is right on training tasks before it has adapted, "
            "or with the support set of another task (“other support”), reads "
            "the query alone: it has memorized. The control is the network of "
            "MR-MAML(W) at its settings, without noise and divergence: only "
            "what MR-MAML(W) scores above it is owed to the regularization. "
            "Weight decay on that network is a row that the paper lacks, too.",
        ),
        Chapter(
            STUDY,
            "Where they memorize",
            "Whether a learner memorizes depends on its inner learning rate "
            "first of all. What it knows of training tasks with another "
            "task’s support, above chance, was memorized.",
        ),
        Chapter(
            "sinusoid",
            "Sinusoids whose inputs name the task",
            "In training an id in the input tells the amplitude; in new tasks "
            "it tells nothing. A learner that relies on it errs little on "
            "training tasks before it has adapted or with another task’s "
            "support, and much on new tasks. Less error is better; noise alone "
            "makes 0.01. The controls are the networks of MR-MAML(W) and "
            "MR-CNP(W) without noise and divergence; they and weight decay on "
            "them are rows that the paper lacks.",
        ),
        Chapter(
            "pose_prediction",
            "The pose of objects",
            "A network that knows every training object by its looks tells "
            "its pose without a support set, and errs on new objects. Azimuth "
            "0 is an orientation drawn for each object or, as in the paper’s "
            "code, where its model faces, the same way for a class. Less error "
            "is better.",
        ),
        Chapter(
            report_checks.TRAGIC_TRIAD,
            "Why: the tragic triad",
            "Conflicting gradients, high curvature and unequal magnitudes "
            "meet on the landscape of Yu et al. (2020, figure 1): descent on "
            "the sum of the losses is stuck where a valley begins that "
            "descent with PCGrad walks through.",
        ),
        Chapter(
            report_checks.MULTITASK,
            "Several tasks, one network",
            "What the tasks share, and how their gradients are combined. "
            "Conflicts: the share of the pairs of tasks whose gradients of "
            "the shared weights had a negative inner product, over all of "
            "training.",
        ),
    )
}
# Each part with its experiments.
PARTS = (
    (
        Chapter(
            "memorize",
            "Meta-learners memorize",
            "Where one function solves all training tasks, a meta-learner may "
            "learn that function, ignore the support sets, and fail on new "
            "tasks. Meta-regularization (Yin et al. 2020) puts a price on "
            "what the weights or activations that the inner loop leaves alone "
            "may know, so that the learner has to read the support set.",
        ),
        (
            *(report_checks.CLASSIFICATION, STUDY),
            *("sinusoid", "pose_prediction"),
        ),
    ),
    (
        Chapter(
            "fight",
            "Tasks fight",
            "The gradients of tasks that share weights may conflict: a step "
            "for one undoes a step for another. PCGrad (Yu et al. 2020) "
            "projects each onto the normal plane of those that it conflicts "
            "with.",
        ),
        (report_checks.TRAGIC_TRIAD, report_checks.MULTITASK),
    ),
)
