"""Checks of arguments that the sources of tasks have in common."""

from collections.abc import Collection

from tfmeta import errors

_MIN_IMAGE_SIZE = 8


def check_sizes(**sizes: int) -> None:
    """Checks that sizes are positive.

    Args:
        **sizes: by the names of the arguments.

    Raises:
        InputError: if one is not.
    """
    for argument, size in sizes.items():
        if size < 1:
            raise errors.InputError(
                f"{argument}: expected a positive number, got {size}"
            )


def check_numbers(**numbers: int) -> None:
    """Checks that seeds and numbers of episodes are not negative.

    Args:
        **numbers: by the names of the arguments.

    Raises:
        InputError: if one is negative, or has more than 63 bits.
    """
    for argument, number in numbers.items():
        if not 0 <= number < 2**63:
            raise errors.InputError(
                f"{argument}: expected 0 to 2**63 - 1, got {number}"
            )


def check_numpy_seed(seed: int) -> None:
    """Checks a seed of NumPy's generators, which may have any size.

    Raises:
        InputError: if it is negative.
    """
    if seed < 0:
        raise errors.InputError(f"seed: expected 0 or more, got {seed}")


def check_image_size(image_size: int) -> None:
    """Checks the height and width of images.

    Raises:
        InputError: if it is less than 8 pixels.
    """
    if image_size < _MIN_IMAGE_SIZE:
        raise errors.InputError(
            f"image_size: expected at least {_MIN_IMAGE_SIZE} pixels, got "
            f"{image_size}"
        )


def check_choice(argument: str, value: str, choices: Collection[str]) -> None:
    """Checks that a value is one of a few.

    Args:
        argument: the argument's name.
        value: its value.
        choices: the values that it can have.

    Raises:
        InputError: if it is none of them.
    """
    if value not in choices:
        raise errors.InputError(
            f"{argument}: expected one of {', '.join(choices)}, got {value!r}"
        )
