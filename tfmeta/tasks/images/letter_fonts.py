"""Pictures of letters in the faces of matplotlib's fonts."""

import pathlib
import unicodedata
from typing import TYPE_CHECKING

from tfmeta import errors

if TYPE_CHECKING:
    from PIL import Image, ImageFont

# A letter is drawn in each of these faces that has it.
FACES = (
    "DejaVuSans",
    "DejaVuSans-Bold",
    "DejaVuSans-Oblique",
    "DejaVuSans-BoldOblique",
    "DejaVuSansMono",
    "DejaVuSansMono-Bold",
    "DejaVuSansMono-Oblique",
    "DejaVuSansMono-BoldOblique",
    "DejaVuSerif",
    "DejaVuSerif-Bold",
    "DejaVuSerif-Italic",
    "DejaVuSerif-BoldItalic",
    "STIXGeneral",
    "STIXGeneralBol",
    "STIXGeneralItalic",
    "STIXGeneralBolIta",
)
MIN_FACES = 4

# Cased and uncased letters; no modifiers, which are other letters made small.
_CATEGORIES = ("Lu", "Ll", "Lt", "Lo")

_FONT_SIZE = 96  # Pixels to the em.
_MIN_EXTENT = _FONT_SIZE // 3  # Leaves out dots and dashes.


def draw_letters(
    characters: str | None,
) -> dict[str, dict[int, "Image.Image"]]:
    """Draws letters in all faces.

    Args:
        characters: only these letters; all if None.

    Returns:
        For each letter that at least `MIN_FACES` faces have, by the number of
        the face, a picture cropped to its ink.

    Raises:
        InputError: if matplotlib lacks one of the fonts.
    """
    # Only here, for matplotlib and Pillow are an optional extra, and a cached
    # load needs neither.
    import matplotlib
    from matplotlib import ft2font
    from PIL import ImageFont

    folder = pathlib.Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    pictures: dict[str, dict[int, Image.Image]] = {}
    for face, name in enumerate(FACES):
        path = folder / f"{name}.ttf"
        if not path.is_file():
            raise errors.InputError(
                f"glyphs: the font {path} is missing: install matplotlib "
                "with pip, which brings its fonts"
            )
        # The basic layout engine has one glyph for a character, whichever
        # libraries Pillow was built with.
        font = ImageFont.truetype(
            str(path), _FONT_SIZE, layout_engine=ImageFont.Layout.BASIC
        )
        for letter in map(chr, ft2font.FT2Font(str(path)).get_charmap()):
            if is_candidate(letter) and (
                characters is None or letter in characters
            ):
                picture = _draw(letter, font)
                if picture is not None:
                    pictures.setdefault(letter, {})[face] = picture
    return {
        letter: pictures[letter]
        for letter in sorted(pictures)
        if len(pictures[letter]) >= MIN_FACES
    }


def is_candidate(character: str) -> bool:
    """Whether a character is a letter that is not composed of others."""
    return unicodedata.category(
        character
    ) in _CATEGORIES and not unicodedata.decomposition(character)


def _draw(letter: str, font: "ImageFont.FreeTypeFont") -> "Image.Image | None":
    """Returns the letter, cropped; None if there is too little of it."""
    from PIL import Image, ImageDraw

    canvas = Image.new("L", (3 * _FONT_SIZE, 3 * _FONT_SIZE))
    ImageDraw.Draw(canvas).text(
        (_FONT_SIZE, _FONT_SIZE), letter, fill=255, font=font
    )
    box = canvas.getbbox()
    if box is None or max(box[2] - box[0], box[3] - box[1]) < _MIN_EXTENT:
        return None
    return canvas.crop(box)
