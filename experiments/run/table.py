"""Tables, and how they are written as plain text and as Markdown."""

import dataclasses
import enum
import math
import statistics
from collections.abc import Sequence
from typing import NamedTuple


class Look(enum.Enum):
    """How a part of a cell looks."""

    PLAIN = "plain"
    STRONG = "strong"
    MUTED = "muted"
    # What Markdown has no room for.
    DETAIL = "detail"


class Text(NamedTuple):
    """A part of a cell."""

    words: str
    look: Look = Look.PLAIN


@dataclasses.dataclass(frozen=True)
class Cell:
    """A cell of a table.

    Attributes:
        parts: its texts, one behind the other.
        share: how strongly it is tinted, from 0 to 1; None for no tint.
    """

    parts: tuple[Text, ...] = ()
    share: float | None = None

    def __bool__(self) -> bool:
        return any(part.words for part in self.parts)

    def plain(self) -> str:
        """Returns its text."""
        return "".join(part.words for part in self.parts)

    def markdown(self) -> str:
        """Returns its text in Markdown, without details."""
        return "".join(
            f"**{part.words}**" if part.look is Look.STRONG else part.words
            for part in self.parts
            if part.words and part.look is not Look.DETAIL
        )


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
            if any(line[number] for line in self.lines)
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
            *([cell.plain() for cell in line] for line in self.lines),
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
        heads = [
            f"**{head.title}**" if head.strong else head.title
            for head in self.heads
        ]
        rules = ["---" if head.left else "---:" for head in self.heads]
        lines = [[cell.markdown() for cell in line] for line in self.lines]
        return "\n".join(
            f"| {' | '.join(cells)} |" for cells in (heads, rules, *lines)
        )


def cell(words: str, look: Look = Look.PLAIN) -> Cell:
    """Returns a cell of one text."""
    return Cell((Text(words, look),))


def capitalize(title: str) -> str:
    """Returns a title as one begins a sentence or the head of a column."""
    return f"{title[:1].upper()}{title[1:]}"


def number(value: float, decimals: int | None) -> str:
    """Returns a number as text.

    Args:
        value: the number.
        decimals: how many to show; None for four digits in all.
    """
    if not math.isfinite(value):
        return "not finite"
    text = f"{value:.4g}" if decimals is None else f"{value:.{decimals}f}"
    return f"−{text[1:]}" if text.startswith("-") else text


def spread(values: Sequence[float], decimals: int | None) -> tuple[str, str]:
    """Returns a mean and its standard deviation as text, see `number`.

    Args:
        values: what to take these of.
        decimals: how many to show.

    Returns:
        `("1.5", " ± 0.7")`; no deviation of a single value, and nothing of
        none.
    """
    if not values:
        return "", ""
    if not all(map(math.isfinite, values)):
        return "not finite", ""
    mean = number(statistics.mean(values), decimals)
    if len(values) == 1:
        return mean, ""
    return mean, f" ± {number(statistics.stdev(values), decimals)}"
