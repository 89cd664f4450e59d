"""HTML, made of elements in which all text is escaped."""

import base64
import html
import struct
from collections.abc import Iterable

from experiments.run import contract, table

_VOID = frozenset({"img", "meta"})
# Characters of a cell that wants room.
_LONG = 20


class Html(str):
    """Text that is HTML already; any other text is escaped where it is put."""

    __slots__ = ()


def element(tag: str, *contents: str, **attributes: str | int | None) -> Html:
    """Makes an element.

    Args:
        tag: its name.
        *contents: what is in it; text is escaped, `Html` is not.
        **attributes: its attributes, those that are not None; an underscore at
            the end of a name is dropped, others are dashes.
    """
    written = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{html.escape(str(value))}"'
        for name, value in attributes.items()
        if value is not None
    )
    if tag in _VOID:
        return Html(f"<{tag}{written}>")
    return Html(f"<{tag}{written}>{join(contents)}</{tag}>")


def join(contents: Iterable[str], between: str = "") -> Html:
    """Puts contents one behind the other, see `element`."""
    return Html(
        between.join(
            content
            if isinstance(content, Html)
            else html.escape(content, quote=False)
            for content in contents
        )
    )


def show_table(shown: table.Table) -> Html:
    """Returns a table, in a box that it scrolls in where it is too wide."""
    classes: list[str | None] = []
    for number, column in enumerate(shown.columns):
        cells = [line[number] for line in shown.lines]
        if any(len(cell.full or cell.text) > _LONG for cell in cells):
            classes.append("long")
        else:
            classes.append(None if table.is_words(column) else "number")
    heads = [
        element("th", table.capitalize(column.title), class_=c, scope="col")
        for column, c in zip(shown.columns, classes, strict=True)
    ]
    lines = []
    for line in shown.lines:
        first, *others = map(_cell, line, shown.columns)
        others = [
            element("td", cell, class_=c)
            for cell, c in zip(others, classes[1:], strict=True)
        ]
        heading = element("th", first, scope="row")
        lines.append(element("tr", heading, *others))
    return element(
        "div",
        element(
            "table",
            element("caption", element("span", shown.caption)),
            element("thead", element("tr", *heads)),
            element("tbody", *lines),
        ),
        class_="scroll",
        role="region",
        aria_label=shown.caption,
        tabindex=0,
    )


def _cell(cell: table.Cell, column: contract.Column) -> Html:
    text = cell.full or cell.text
    if not isinstance(text, Html):
        # No line ends within a number and its interval.
        text = text.replace(" ± ", "\N{NO-BREAK SPACE}±\N{NO-BREAK SPACE}")
    if column.is_result and text:
        text = element("strong", text)
    if cell.share is not None:
        share = f"--share: {100 * cell.share:.0f}%"
        text = element("span", text, class_="tint", style=share)
    note = [element("small", f" {cell.note}")] if cell.note else []
    return join([text, *note])


def picture(png: bytes, *, scale: float, alt: str, caption: str) -> Html:
    """Makes a picture with a caption, its file inlined.

    On a narrow screen it scrolls in its box rather than become unreadable.
    """
    # The first chunk's data begin with them.
    size = struct.unpack(">II", png[16:24])
    width, height = (round(scale * pixels) for pixels in size)
    encoded = base64.b64encode(png).decode("ascii")
    return element(
        "figure",
        element(
            "div",
            element(
                "img",
                src=f"data:image/png;base64,{encoded}",
                alt=alt,
                width=width,
                height=height,
                style=f"min-width: min({width}px, 32rem)",
            ),
            class_="card",
        ),
        element("figcaption", caption),
        style=f"width: calc({width}px + 2 * var(--edge))",
    )


def items(contents: Iterable[str]) -> Html:
    """Makes a list."""
    return element("ul", *(element("li", content) for content in contents))


def details(summary: str, *contents: str, id_: str | None = None) -> Html:
    """Makes what is shown when its summary is clicked."""
    return element("details", element("summary", summary), *contents, id_=id_)


def document(title: str, style: str, *contents: str) -> str:
    """Makes a page.

    Args:
        title: its title.
        style: its style sheet.
        *contents: what is on it.
    """
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element(
            "meta",
            name="viewport",
            content="width=device-width, initial-scale=1",
        ),
        element("meta", name="color-scheme", content="light dark"),
        element("title", title),
        # Escapes mean nothing in a style sheet.
        element("style", Html(style)),
    )
    return (
        "<!DOCTYPE html>\n"
        + element("html", head, element("body", *contents), lang="en")
        + "\n"
    )
