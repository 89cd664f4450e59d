"""Tables as plain text and as Markdown."""

import itertools
import statistics
from collections.abc import Mapping, Sequence


def plain(
    header: Sequence[str],
    lines: Sequence[Sequence[str]],
    *,
    flush_left: int = 1,
) -> list[str]:
    """Returns the lines of a table for a terminal.

    Args:
        header: the columns' titles.
        lines: the cells of each line.
        flush_left: how many of the first columns are; the others are flush
            right.
    """
    widths = [
        max(map(len, column)) for column in zip(header, *lines, strict=True)
    ]

    def line(cells):
        padded = [
            cell.ljust(width) if number < flush_left else cell.rjust(width)
            for number, (cell, width) in enumerate(
                zip(cells, widths, strict=True)
            )
        ]
        return "  ".join(padded).rstrip()

    text = [line(header), *map(line, lines)]
    rule = "-" * max(map(len, text))
    return [text[0], rule, *text[1:], rule]


def markdown(
    header: Sequence[str],
    lines: Sequence[Sequence[str]],
    *,
    flush_left: int = 1,
) -> list[str]:
    """Returns the lines of a table in Markdown, see `plain`."""
    rules = [
        "---" if number < flush_left else "---:"
        for number in range(len(header))
    ]
    return [f"| {' | '.join(cells)} |" for cells in (header, rules, *lines)]


def without_empty_columns(
    header: Sequence[str], lines: Sequence[Sequence[str]]
) -> tuple[list[str], list[list[str]]]:
    """Leaves out the columns in which no line has anything.

    Returns:
        The header and the lines, see `plain`.
    """
    kept = [any(column) for column in zip(*lines, strict=True)]
    return (
        list(itertools.compress(header, kept)),
        [list(itertools.compress(cells, kept)) for cells in lines],
    )


def percent(estimate: Mapping[str, float]) -> str:
    """Returns a mean and its 95% interval, of shares, in percent."""
    return f"{100 * estimate['mean']:.1f} ± {100 * estimate['ci95']:.1f}"


def spread(values: Sequence[float], decimals: int = 1) -> str:
    """Returns a mean ± standard deviation, or the value if there is one.

    Args:
        values: what to take these of; of none nothing is returned.
        decimals: how many to show.
    """
    if not values:
        return ""
    mean = f"{statistics.mean(values):.{decimals}f}"
    if len(values) == 1:
        return mean
    return f"{mean} ± {statistics.stdev(values):.{decimals}f}"
