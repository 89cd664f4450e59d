"""HTML, made of elements in which all text is escaped."""

import base64
import html
from collections.abc import Iterable, Sequence
from typing import NamedTuple

_VOID = frozenset({"img", "meta"})
# Characters of a cell that wants room.
_LONG = 20


class Html(str):
    """Text that is HTML already; any other text is escaped where it is put."""

    __slots__ = ()


class Column(NamedTuple):
    """A column of a table.

    Attributes:
        title: what its head says.
        numeric: whether its cells are flush right.
    """

    title: str
    numeric: bool = True


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


def table(
    caption: str,
    columns: Sequence[Column],
    lines: Sequence[Sequence[str]],
    *,
    above: Sequence[tuple[str, int]] = (),
) -> Html:
    """Makes a table, in a box that it scrolls in where it is too wide.

    Columns without a word in any line are left out.

    Args:
        caption: its caption, which names the box, too.
        columns: its columns; the first one heads the lines.
        lines: for each line its cells.
        above: titles above those of the columns, each with the number of
            columns that it spans.
    """
    shown = [
        number
        for number in range(len(columns))
        if above or any(line[number] for line in lines)
    ]

    def cell(tag, number, content, **attributes):
        class_ = None
        if columns[number].numeric:
            class_ = "number"
        elif len(content) > _LONG:
            class_ = "long"
        return element(tag, content, class_=class_, **attributes)

    head = element(
        "tr",
        *(cell("th", n, columns[n].title, scope="col") for n in shown),
    )
    if above:
        spanning = (
            element("th", title, scope="colgroup", colspan=span)
            if title
            else element("td", colspan=span)
            for title, span in above
        )
        head = join([element("tr", *spanning), head])
    body = [
        element(
            "tr",
            element("th", line[0], scope="row"),
            *(cell("td", n, line[n]) for n in shown[1:]),
        )
        for line in lines
    ]
    return element(
        "div",
        element(
            "table",
            element("caption", element("span", caption)),
            element("thead", head),
            element("tbody", *body),
        ),
        class_="scroll",
        role="region",
        aria_label=caption,
        tabindex=0,
    )


def picture(
    png: bytes, *, width: int, height: int, alt: str, caption: str
) -> Html:
    """Makes a picture with a caption, its file inlined.

    On a narrow screen it scrolls in its box rather than become unreadable.
    """
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
