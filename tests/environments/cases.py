"""Environments that several tests play."""

from tests import prerequisites
from tfmeta import environments


def point_robot():
    return environments.PointRobot(
        "dense", environments.sample_goals("dense", 5)
    )


def cheetah():
    prerequisites.package("gymnasium")
    return environments.cheetah_direction(horizon=50)


def pendulum():
    prerequisites.package("gymnasium")
    import gymnasium

    return environments.GymnasiumEnvironment(gymnasium.make("Pendulum-v1"))


def pick_place():
    return metaworld("pick-place-v3")


def metaworld(*names, **settings):
    prerequisites.package("metaworld")
    defaults = {
        "reward_version": "v2",
        "horizon": 500,
        "goal": "shown",
        "goals": 3,
    }
    made = environments.load_metaworld(names, **(defaults | settings))
    return made[0] if len(made) == 1 else made
