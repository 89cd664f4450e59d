"""The experiments with policies that adapt to a task."""

from experiments.meta_rl import description, methods, problems
from experiments.run import contract, settings
from tfmeta.environments import point_robot
from tfmeta.environments.metaworld import loading

# Small networks: a step of the natural gradient, and the inner step, add noise
# that grows with the number of weights. With 64 units in each layer one step of
# the gradient changed little after as many outer steps.
_MAML = {
    "inner_learning_rate": 1.0,
    "max_divergence": 0.03,
    "hidden_units": 16,
    "action_scale": 0.5,
    "discount": 0.95,
    "decay": 0.95,
    "layers": 2,
}
_RL2 = {
    "action_scale": 0.5,
    "discount": 0.95,
    "decay": 0.95,
    "hidden_units": 64,
    "reward_scale": 1.0,
    "learning_rate": 1e-3,
    "trial_episodes": 2,
    "trials": 2,
    "epochs": 5,
}
_PEARL = {
    "discount": 0.99,
    "hidden_units": 128,
    "layers": 2,
    "reward_scale": 5.0,
    "learning_rate": 1e-3,
    "latent_size": 5,
    "trial_episodes": 3,
    "divergence_weight": 0.1,
    "updates": 400,
    "update_tasks": 8,
    "batch_size": 64,
    "context_size": 64,
}
_CHOSEN = ("maml", "joint", "untrained")

DIRECTION = description.describe(
    name="cheetah_direction",
    title="Does one gradient step make it run the other way?",
    lead=(
        "A half-cheetah is rewarded for running forward, or for running "
        "backward, and nothing that it sees says which. MAML (Finn et al. "
        "2017) looks for a policy that one step of the policy gradient, on a "
        "few episodes, makes run the right way. The controls take that step "
        "from a policy that was trained on both directions at once, without "
        "adapting, and from random weights. Returns are sums of rewards over "
        "an episode, in which policies draw their actions as in training."
    ),
    load=problems.directions,
    steps=100,
    horizon=100,
    episodes=20,
    described=methods.methods(_MAML, _RL2, _PEARL),
    chosen=_CHOSEN,
    test={"test_episodes": 20, "score_every": 20, "eval_episodes": 5},
    parts=("forward", "backward"),
    drawn=True,
)
VELOCITY = description.describe(
    name="cheetah_velocity",
    title="Does one gradient step make it run as fast as it should?",
    lead=(
        "The half-cheetah is to run at a velocity between 0 and 2 m/s that it "
        "does not see (Finn et al. 2017). Goals of meta-test are none of "
        "meta-train."
    ),
    load=problems.velocities,
    steps=200,
    horizon=100,
    episodes=10,
    described=methods.methods(_MAML, _RL2, _PEARL),
    chosen=_CHOSEN,
    splits=("meta-train", "meta-test"),
    meta_batch_size=8,
)
POINT = description.describe(
    name="point_robot",
    title="How many episodes tell it where to go?",
    lead=(
        "A point on a plane must go to a place that it does not see, and is "
        "told by its reward how far it is (or, where that is sparse, that it "
        "is there). MAML takes a step of the policy gradient on what it did; "
        "RL2 (Duan et al. 2016) remembers it in a recurrent state; PEARL "
        "(Rakelly et al. 2019) infers a latent variable from it. They are "
        "scored after 0, 1, 2, ... episodes, beside a policy that is told the "
        "goal; PEARL by its likeliest actions, the others draw theirs. Goals "
        "of meta-test are none of meta-train."
    ),
    load=problems.points,
    steps=200,
    horizon=20,
    episodes=10,
    described=methods.methods(
        _MAML
        | {
            "max_divergence": 0.05,
            "hidden_units": 64,
            "discount": 0.99,
            "decay": 1.0,
        },
        # Their rewards say at once what a step was worth.
        _RL2
        | {
            "action_scale": 0.4,
            "discount": 0.8,
            "learning_rate": 5e-3,
            "trial_episodes": 3,
            "trials": 3,
            "epochs": 10,
        },
        _PEARL
        | {
            "discount": 0.9,
            "latent_size": 8,
            "divergence_weight": 0.003,
            "updates": 150,
            "batch_size": 32,
            # All that a trial has.
            "context_size": 60,
        },
        points=True,
    ),
    chosen=("maml_lvc", "rl2", "pearl", "told"),
    splits=("meta-train", "meta-test"),
    meta_batch_size=16,
    problem=(
        settings.choice(
            "reward",
            "dense",
            point_robot.REWARDS,
            "Whether the reward says how far the goal is, or only that it is "
            "reached.",
        ),
    ),
    traits=(contract.Trait("reward"),),
    succeeds=True,
)
METAWORLD = description.describe(
    name="metaworld_meta",
    title="Does a robot arm find out what it is to do?",
    lead=(
        "Meta-World's arm (Yu et al. 2019) does not see its goal: in ML1 a "
        "place, in ML10, ML25 and ML45 also which of the tasks it is, and "
        "those of meta-test are other tasks. By the benchmark's protocol a "
        "method adapts in 10 episodes and is scored on 3 more, for 40 goals of "
        "each task. An episode succeeds if any of its steps does; each goal's "
        "episodes are its own, where the package's evaluation counts those of "
        "a task that end first (pull request 577)."
    ),
    load=problems.benchmarks,
    steps=200,
    horizon=500,
    episodes=10,
    described=methods.methods(
        _MAML
        | {
            "hidden_units": 64,
            "discount": 0.99,
            "decay": 0.97,
            "inner_learning_rate": 0.1,
        },
        _RL2 | {"discount": 0.99, "trial_episodes": 10, "reward_scale": 0.1},
        _PEARL | {"latent_size": 7, "reward_scale": 1.0},
    ),
    chosen=("maml_lvc", "rl2", "pearl"),
    test={"test_episodes": 10, "score_every": 10},
    splits=("meta-train", "meta-test"),
    meta_batch_size=10,
    problem=(
        settings.choice(
            "benchmark",
            "ml1-reach",
            (
                "ml1-reach",
                "ml1-push",
                *map(str.lower, loading.META_BENCHMARKS),
            ),
            "Which benchmark.",
        ),
        settings.choice(
            "reward_version",
            "v2",
            loading.REWARD_VERSIONS,
            "Which of the package's rewards.",
        ),
        settings.integer(
            "scored_goals", 40, "Goals of each task that are scored on."
        ),
    ),
    traits=(contract.Trait("benchmark"), contract.Trait("reward_version")),
    succeeds=True,
)
