"""Where the commands get what draws their pictures."""

import io
import pathlib
from types import ModuleType
from typing import Any

# To tell methods apart by more than their color.
MARKERS = "osv^D*PXhd"

_COLORS = 64


def load_pyplot() -> ModuleType:
    """Returns `matplotlib.pyplot`, drawing to files alone.

    It is imported here, for it is the slowest import of a run's start.
    """
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    return pyplot


def save_small(figure: Any, file: pathlib.Path, *, dpi: int) -> None:
    """Writes a figure as a PNG with a palette, for pictures of many panels.

    It is a quarter of the size of what `figure.savefig` writes.

    Args:
        figure: a matplotlib figure, of few colors.
        file: the picture to write.
        dpi: pixels an inch.
    """
    from PIL import Image

    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", dpi=dpi)
    with Image.open(drawn) as image:
        image.convert("RGB").quantize(_COLORS).save(file, optimize=True)
