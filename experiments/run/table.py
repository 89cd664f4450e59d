"""Tables, and how they are written as plain text and as Markdown."""

import dataclasses
import math
import statistics
from collections.abc import Sequence


@dataclasses.dataclass(frozen=True)
class Cell:
    """A cell of a table.

    Attributes:
        text: what it says.
        full: the same with intervals and deviations, where there is room.
        note: what is said below, where there is room.
        strong: whether it is emphasized.
        share: how strongly it is tinted, from 0 to 1; None for no tint.
    """

    text: str = ""
    full: str = ""
    note: str = ""
    strong: bool = False
    share: float | None = None


@dataclasses.dataclass(frozen=True)
class Head:
    """The head of a column.

    Attributes:
        title: what it says.
        left: whether the column is flush left, as words are, not right.
        strong: whether it is emphasized.
    """

    title: str
    left: bool = False
    strong: bool = False


@dataclasses.dataclass(frozen=True)
class Table:
    """A table.

    Attributes:
        caption: what it shows.
        heads: one for each column.
        lines: for each line one cell for each column.
        above: titles above the heads, each with the number of columns that it
            spans.
    """

    caption: str
    heads: Sequence[Head]
    lines: Sequence[Sequence[Cell]]
    above: Sequence[tuple[str, int]] = ()

    def without_empty_columns(self) -> "Table":
        """Returns the table without columns in which no line has anything."""
        kept = [
            number
            for number in range(len(self.heads))
            if any(line[number].text for line in self.lines)
        ]
        return Table(
            self.caption,
            [self.heads[number] for number in kept],
            [[line[number] for number in kept] for line in self.lines],
        )

    def plain(self) -> str:
        """Returns the table for a terminal, without its caption."""
        texts = [
            [head.title for head in self.heads],
            *([cell.full or cell.text for cell in line] for line in self.lines),
        ]
        widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
        heads, *lines = (
            "  ".join(
                text.ljust(width) if head.left else text.rjust(width)
                for text, width, head in zip(
                    line, widths, self.heads, strict=True
                )
            ).rstrip()
            for line in texts
        )
        rule = "-" * max(map(len, (heads, *lines)))
        return "\n".join([heads, rule, *lines, rule])

    def markdown(self) -> str:
        """Returns the table in Markdown, without its caption."""
        rules = ["---" if head.left else "---:" for head in self.heads]
        lines = [
            [_markdown(head.title, head.strong) for head in self.heads],
            rules,
            *(
                [_markdown(cell.text, cell.strong) for cell in line]
                for line in self.lines
            ),
        ]
        return "\n".join(f"| {' | '.join(line)} |" for line in lines)


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


def _markdown(text: str, strong: bool) -> str:
    return f"**{text}**" if strong and text else text
