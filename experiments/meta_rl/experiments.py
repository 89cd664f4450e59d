"""The experiments with policies that adapt to a task."""

from experiments.meta_rl import description, problems

# Small networks: a step of the natural gradient, and the inner step, add noise
# that grows with the number of weights. With 64 units in each layer one step of
# the gradient changed little after as many outer steps.
_CHEETAH = {
    "inner_learning_rate": 1.0,
    "max_divergence": 0.03,
    "hidden_units": 16,
    "action_scale": 0.5,
    "discount": 0.95,
    "decay": 0.95,
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
        "an episode."
    ),
    load=problems.directions,
    steps=100,
    horizon=100,
    episodes=20,
    eval_episodes=40,
    defaults=_CHEETAH,
    chosen=_CHOSEN,
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
    eval_episodes=10,
    defaults=_CHEETAH,
    chosen=_CHOSEN,
    splits=("meta-train", "meta-test"),
    meta_batch_size=8,
)
POINT = description.describe(
    name="point_robot",
    title="Does one gradient step tell it where to go?",
    lead=(
        "A point on a plane must go to a place that it does not see, and is "
        "told by its reward how far it is. Goals of meta-test are none of "
        "meta-train."
    ),
    load=problems.points,
    steps=200,
    horizon=20,
    episodes=10,
    eval_episodes=10,
    defaults=_CHEETAH
    | {
        "max_divergence": 0.05,
        "hidden_units": 64,
        "discount": 0.99,
        "decay": 1.0,
    },
    chosen=("maml", "maml_lvc", "joint", "untrained"),
    splits=("meta-train", "meta-test"),
    meta_batch_size=10,
)
