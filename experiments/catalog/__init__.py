"""The one list of experiments, in the order of the story that they tell."""

from experiments.few_shot import experiment as few_shot
from experiments.few_shot import study
from experiments.landscape import experiment as landscape
from experiments.meta_rl import experiments as meta_rl
from experiments.multitask import experiment as multitask
from experiments.multitask_rl import experiment as multitask_rl
from experiments.multitask_rl import study as multitask_rl_study
from experiments.poses import experiment as poses
from experiments.run import contract
from experiments.sinusoids import experiment as sinusoids

PARTS = (
    contract.Part(
        "memorize",
        "Meta-learners memorize",
        "Where one function solves all training tasks, a meta-learner may "
        "learn that function, ignore the support sets, and fail on new tasks. "
        "Meta-regularization (Yin et al. 2020) puts a price on what the "
        "weights or activations that the inner loop leaves alone may know, so "
        "that the learner has to read the support set.",
        (
            few_shot.EXPERIMENT,
            study.STUDY,
            sinusoids.EXPERIMENT,
            poses.EXPERIMENT,
        ),
    ),
    contract.Part(
        "adapt",
        "One gradient step, both ways",
        "In reinforcement learning a task is an environment, or a goal in it, "
        "and data come from acting. MAML looks for a policy from which one "
        "step of the policy gradient leads to a policy for the task.",
        (
            meta_rl.DIRECTION,
            meta_rl.VELOCITY,
            meta_rl.POINT,
            meta_rl.METAWORLD,
        ),
    ),
    contract.Part(
        "fight",
        "Tasks fight",
        "The gradients of tasks that share weights may conflict: a step for "
        "one undoes a step for another. PCGrad (Yu et al. 2020) projects each "
        "onto the normal plane of those that it conflicts with.",
        (
            landscape.EXPERIMENT,
            multitask.EXPERIMENT,
            multitask_rl.EXPERIMENT,
            multitask_rl_study.STUDY,
        ),
    ),
)
# What each command runs, by its name.
COMMANDS: dict[str, contract.Command] = {
    chapter.name: chapter for part in PARTS for chapter in part.chapters
}
EXPERIMENTS = {
    name: command
    for name, command in COMMANDS.items()
    if isinstance(command, contract.Experiment)
}
STUDIES = {
    name: command
    for name, command in COMMANDS.items()
    if isinstance(command, contract.Study)
}
