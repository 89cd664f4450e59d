"""Loss weightings by their names."""

from tfmeta import errors
from tfmeta.weightings import (
    dynamic_weight_average,
    equal,
    famo,
    grad_norm,
    random_loss_weighting,
    uncertainty,
    weighting,
)

WEIGHTINGS = {
    "dwa": dynamic_weight_average.DynamicWeightAverage,
    "equal": equal.Equal,
    "famo": famo.FAMO,
    "gradnorm": grad_norm.GradNorm,
    "rlw": random_loss_weighting.RandomLossWeighting,
    "uncertainty": uncertainty.Uncertainty,
}


def get(identifier: str | weighting.Weighting | None) -> weighting.Weighting:
    """Returns the weighting that a user means.

    Args:
        identifier: a weighting, one of the names in `WEIGHTINGS` for its
            defaults, or None for equal weights.

    Raises:
        InputError: if it is none of these.
    """
    if identifier is None:
        return equal.Equal()
    if isinstance(identifier, weighting.Weighting):
        return identifier
    if isinstance(identifier, str) and identifier in WEIGHTINGS:
        return WEIGHTINGS[identifier]()
    raise errors.InputError(
        f"weighting={identifier!r}: expected a Weighting or one of "
        f"{', '.join(WEIGHTINGS)}"
    )
