"""Pieces of an HTML page: escaped text, tables, and pictures inside the page."""

from __future__ import annotations

import base64
import io
import warnings
from html import escape
from numbers import Integral, Real
from typing import NamedTuple

_DOTS_PER_INCH = 144
# Of the page: its inch is so many pixels.
_PIXELS_PER_INCH = 96


def number(value):
    """A value as text: reals to four digits."""
    if isinstance(value, Real) and not isinstance(value, Integral):
        return f"{float(value):.4g}"
    return str(value)


def paragraph(text, kind=""):
    """A paragraph of plain text."""
    return f'<p class="{kind}">{escape(text)}</p>' if kind else f"<p>{escape(text)}</p>"


def bullets(texts):
    """A list of plain texts."""
    return "<ul>" + "".join(f"<li>{escape(text)}</li>" for text in texts) + "</ul>"


def preformatted(text):
    """Plain text in which spaces count."""
    return f'<div class="wide"><pre>{escape(text)}</pre></div>'


class Bar(NamedTuple):
    """What stands in a cell as a bar that is so much of it wide, 0 <= share <= 1."""

    share: float


def table(header, rows):
    """A table of a header of plain texts and rows of values, the first of which is the header of its row."""
    head = "".join(f'<th scope="col">{escape(str(text))}</th>' for text in header)
    body = "".join(
        f'<tr><th scope="row">{escape(number(first))}</th>{"".join(map(_cell, rest))}</tr>\n' for first, *rest in rows
    )
    return f'<div class="wide"><table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody>\n</table></div>'


def _cell(value):
    if isinstance(value, Bar):
        return f'<td class="bar"><div style="width: {100.0 * value.share:.1f}%"></div></td>'
    return f"<td>{escape(number(value))}</td>"


def picture(figure, description):
    """A figure of matplotlib as an image inside the page; the description is for those who do not see it."""
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        # Letters that the font lacks are boxes in the picture; the names stand in the page too.
        warnings.filterwarnings("ignore", r"Glyph .* missing from", UserWarning)
        figure.savefig(buffer, format="png", dpi=_DOTS_PER_INCH)
    data = base64.b64encode(buffer.getvalue()).decode("ascii")
    width, height = (round(_PIXELS_PER_INCH * inches) for inches in figure.get_size_inches())
    size = f'width="{width}" height="{height}"'
    return f'<figure class="wide"><img {size} alt="{escape(description)}" src="data:image/png;base64,{data}"></figure>'
