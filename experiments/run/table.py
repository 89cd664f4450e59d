"""Tables, and how they are written as plain text and as Markdown."""

import dataclasses
import math
import statistics
from collections.abc import Sequence

from experiments.run import contract


@dataclasses.dataclass(frozen=True)
class Cell:
    """A cell of a table.

    Attributes:
        text: what it says.
        full: the same with intervals and deviations, where there is room.
        note: what is said below, where there is room.
        share: how strongly it is tinted, from 0 to 1; None for no tint.
    """

    text: str = ""
    full: str = ""
    note: str = ""
    share: float | None = None


@dataclasses.dataclass(frozen=True)
class Table:
    """A table.

    Attributes:
        caption: what it shows.
        columns: its columns.
        lines: for each line one cell for each column.
    """

    caption: str
    columns: Sequence[contract.Column]
    lines: Sequence[Sequence[Cell]]

    def without_empty_columns(self) -> "Table":
        """Returns the table without columns in which no line has anything."""
        kept = [
            number
            for number in range(len(self.columns))
            if any(line[number].text for line in self.lines)
        ]
        return Table(
            self.caption,
            [self.columns[number] for number in kept],
            [[line[number] for number in kept] for line in self.lines],
        )

    def plain(self) -> str:
        """Returns the table for a terminal, without its caption."""
        texts = [
            [column.title for column in self.columns],
            *([cell.full or cell.text for cell in line] for line in self.lines),
        ]
        widths = [max(map(len, cells)) for cells in zip(*texts, strict=True)]
        heads, *lines = (
            "  ".join(
                text.ljust(width) if is_words(column) else text.rjust(width)
                for text, width, column in zip(
                    line, widths, self.columns, strict=True
                )
            ).rstrip()
            for line in texts
        )
        rule = "-" * max(map(len, (heads, *lines)))
        return "\n".join([heads, rule, *lines, rule])

    def markdown(self) -> str:
        """Returns the table in Markdown, without its caption."""
        texts = [
            [column.title for column in self.columns],
            ["---" if is_words(column) else "---:" for column in self.columns],
            *([cell.text for cell in line] for line in self.lines),
        ]
        strong = [column.is_result for column in self.columns]
        for line in (texts[0], *texts[2:]):
            line[:] = [
                f"**{text}**" if is_strong and text else text
                for text, is_strong in zip(line, strong, strict=True)
            ]
        return "\n".join(f"| {' | '.join(line)} |" for line in texts)


def is_words(column: contract.Column) -> bool:
    """Returns whether a column is flush left, as words are."""
    return column.show in ("method", "tasks", "problem", "split", "note")


def capitalize(title: str) -> str:
    """Returns a title as one begins a sentence or the head of a column."""
    return f"{title[:1].upper()}{title[1:]}"


def number(value: float, decimals: int | None) -> str:
    """Returns a number as text, with some decimals; None for four digits."""
    if not math.isfinite(value):
        return "not finite"
    text = f"{value:.4g}" if decimals is None else f"{value:.{decimals}f}"
    return f"−{text[1:]}" if text.startswith("-") else text


def spread(values: Sequence[float], decimals: int | None) -> tuple[str, str]:
    """Returns a mean and a standard deviation as text, see `number`.

    Returns:
        `("1.5", " ± 0.7")`; no deviation of a single value, and nothing of
        none.
    """
    if not values or not all(map(math.isfinite, values)):
        return "not finite" if values else "", ""
    mean = number(statistics.mean(values), decimals)
    if len(values) == 1:
        return mean, ""
    return mean, f" ± {number(statistics.stdev(values), decimals)}"
