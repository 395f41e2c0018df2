"""The characters on a PDF page and where they stand, read with PDFium.

PDFium reads the embedded character maps of CFF fonts, which pdfminer passes over without a word.
"""

from __future__ import annotations

import ctypes
import math
import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pypdfium2.raw as pdfium

from rag.loading.blocks import is_wide
from rag.loading.pdf_lines import Character

# Fonts draw a radical and the character that looks the same with one glyph, and many programs then name the radical.
# The characters meant: Unicode's EquivalentUnifiedIdeograph.txt for the block U+2E80-2EF3; NFKC knows the others.
_RADICALS = dict(
    zip(
        "⺁⺄⺅⺇⺈⺉⺋⺌⺎⺐⺒⺓⺕⺖⺘⺙⺛⺜⺝⺞⺟⺠⺡⺣⺤⺥⺦⺧⺨⺪⺫⺬⺭⺮⺯⺰⺲⺹⺼⺽⺾⻁⻂⻃⻄⻅⻆⻇⻈⻉⻋⻌⻍⻎⻏⻐⻑⻒⻓⻔⻖⻗⻘⻙⻚⻛⻜⻝⻟⻠⻢⻣⻤⻥⻦⻧⻨⻩⻪⻫⻬⻭⻮⻯⻰⻱⻲⻳",
        "厂乙亻几刀刂㔾小尢尣巳幺彐忄扌攵旡日月歹母民氵灬爫爫丬牛犭疋目示礻竹糸纟罒耂月臼艹虎衤覀西见角角讠贝车辶辶辶阝钅長镸长门阝雨青韦页风飞食飠饣马骨鬼鱼鸟卤麦黄黾斉齐歯齿竜龙龜亀龟",
        strict=True,
    )
)
_ASCENT = 0.88
_SLANT_ALLOWED = 5  # degrees


@dataclass(frozen=True, slots=True)
class Frame:
    """The page's box in PDF coordinates and its rotation in degrees; it turns PDF points into page points."""

    left: float
    bottom: float
    right: float
    top: float
    rotation: int

    @property
    def height(self) -> float:
        """Height of the page as it is shown."""
        return self.right - self.left if self.rotation in (90, 270) else self.top - self.bottom

    def place(self, across: float, up: float) -> tuple[float, float]:
        """Return the distances of a point from the shown page's left and top edges."""
        if self.rotation == 90:
            return up - self.bottom, across - self.left
        if self.rotation == 180:
            return self.right - across, up - self.bottom
        if self.rotation == 270:
            return self.top - up, self.right - across
        return across - self.left, self.top - up


@dataclass(frozen=True, slots=True)
class PageCharacters:
    """A page's text.

    Attributes:
        upright: Characters set the way the page reads, in the file's order.
        frame: The page as it reads.
        slanted: Number of visible characters set at another angle.
        unmapped: Number of characters whose font does not say what they are.
    """

    upright: tuple[Character, ...]
    frame: Frame
    slanted: int
    unmapped: int


def read_characters(page: Any, frame: Frame) -> PageCharacters:  # noqa: ANN401 - a PDFium page
    """Return the characters of a page, spaces that PDFium makes up left out."""
    text_page = page.get_textpage()
    try:
        found = [(index, text, _direction(text_page, index)) for index, text in _texts(text_page)]
        directions = Counter(direction for _, text, direction in found if text.strip())
        usual = directions.most_common(1)[0][0] if directions else 0
        # Where the text runs says how the page is meant to be read, whether or not the page is marked as rotated.
        turned = replace(frame, rotation=round(usual / 90) * 90 % 360)
        upright = tuple(
            _character(text_page, index, text, turned) for index, text, direction in found if _is_near(direction, usual)
        )
        unmapped = sum(1 for index, text, _ in found if _is_unmapped(text_page, index, text))
    finally:
        text_page.close()
    slanted = sum(count for direction, count in directions.items() if not _is_near(direction, usual))
    return PageCharacters(upright, turned, slanted, unmapped)


def _direction(text_page: Any, index: int) -> int:  # noqa: ANN401
    """Return the direction in which the text runs, in degrees counter-clockwise from the horizontal."""
    matrix = pdfium.FS_MATRIX()
    pdfium.FPDFText_GetMatrix(text_page, index, matrix)
    return round(math.degrees(math.atan2(matrix.b, matrix.a))) % 360


def _is_unmapped(text_page: Any, index: int, text: str) -> bool:  # noqa: ANN401
    return text == "\ufffd" or pdfium.FPDFText_HasUnicodeMapError(text_page, index) == 1


def _texts(text_page: Any) -> Iterator[tuple[int, str]]:  # noqa: ANN401
    high = 0
    for index in range(text_page.count_chars()):
        code = pdfium.FPDFText_GetUnicode(text_page, index)
        if pdfium.FPDFText_IsGenerated(text_page, index) == 1 or code in (0, 0xFFFE):
            continue
        if 0xD800 <= code < 0xDC00:
            high = code
        elif 0xDC00 <= code < 0xE000:
            if high:
                yield index, chr(0x10000 + ((high - 0xD800) << 10) + (code - 0xDC00))
            high = 0
        else:
            yield index, "-" if code == 2 else meant(chr(code))  # 2 stands for a hyphen at the end of a line


def meant(character: str) -> str:
    """Return the character that a radical, a compatibility form or a ligature is drawn for."""
    if "\u2e80" <= character <= "\u2ef3":
        return _RADICALS.get(character, character)
    if "\u2f00" <= character <= "\u2fd5" or "\uf900" <= character <= "\ufaff" or "\ufb00" <= character <= "\ufb06":
        return unicodedata.normalize("NFKC", character)
    return character


def _character(text_page: Any, index: int, text: str, frame: Frame) -> Character:  # noqa: ANN401
    matrix = pdfium.FS_MATRIX()
    pdfium.FPDFText_GetMatrix(text_page, index, matrix)
    across, up = ctypes.c_double(), ctypes.c_double()
    pdfium.FPDFText_GetCharOrigin(text_page, index, across, up)
    size = pdfium.FPDFText_GetFontSize(text_page, index) * math.hypot(matrix.c, matrix.d)
    box = text_page.get_charbox(index, loose=True)
    # Boxes differ from font to font, some being the ink's; the baseline and the size do not.
    left, baseline = frame.place(across.value, up.value)
    corners = [frame.place(box[0], box[1]), frame.place(box[2], box[3])]
    right = max(corner[0] for corner in corners)
    if is_wide(text[-1]):
        right = left + size
    else:
        left = min(left, *(corner[0] for corner in corners))
    top, bottom = baseline - _ASCENT * size, baseline + (1 - _ASCENT) * size
    return Character(text, left, right, top, bottom, round(size, 2), _font(text_page, index))


def _font(text_page: Any, index: int) -> str:  # noqa: ANN401
    flags = ctypes.c_int()
    length = pdfium.FPDFText_GetFontInfo(text_page, index, None, 0, flags)
    if length <= 1:
        return ""
    buffer = ctypes.create_string_buffer(length)
    pdfium.FPDFText_GetFontInfo(text_page, index, buffer, length, flags)
    return buffer.value.decode("utf-8", errors="replace")


def _is_near(angle: int, other: int) -> bool:
    return min((angle - other) % 360, (other - angle) % 360) <= _SLANT_ALLOWED
