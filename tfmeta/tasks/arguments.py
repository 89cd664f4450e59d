"""Checks of arguments that the sources of tasks have in common."""

from tfmeta import errors


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
    """Checks that seeds and numbers of episodes are such.

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
