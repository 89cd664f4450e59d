"""The three parts of what tasks are drawn from."""

from typing import Generic, NamedTuple, TypeVar

from tfmeta.tasks import arguments

T = TypeVar("T")

SPLITS = ("meta-train", "meta-validation", "meta-test")


class Splits(NamedTuple, Generic[T]):
    """Classes, or objects, in three parts that have none in common.

    A task of one part is so never seen in another. Tasks that are learned
    together are in all parts, with other images: see `TaskSplits`.

    Attributes:
        meta_train: the part to learn from.
        meta_validation: the part to choose settings on.
        meta_test: the part to report results on.
    """

    meta_train: T
    meta_validation: T
    meta_test: T

    def part(self, name: str) -> T:
        """Returns one part.

        Args:
            name: one of `SPLITS`.

        Raises:
            InputError: if there is no such part.
        """
        arguments.check_choice("split", name, SPLITS)
        return self[SPLITS.index(name)]
