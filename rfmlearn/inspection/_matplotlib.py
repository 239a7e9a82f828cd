"""What the displays share: figures of matplotlib, imported when one is drawn, and how names and images look in them."""

from __future__ import annotations

from collections import Counter

import numpy as np

# Told apart by the colour-blind: blue, orange, light and dark gray.
BLUE, ORANGE, LIGHT_GRAY, DARK_GRAY = "#0072b2", "#d55e00", "#c4c4c4", "#595959"
# Inches of a letter of size x-small.
LETTER_WIDTH = 0.07
# Letters of a name: most names are cut to the first, those that would coincide to the next.
_LENGTHS = (22, 30, 40)


def require_matplotlib(what):
    """Raise if there is no matplotlib, before work is done in vain; `what` says who needs it."""
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError as error:
        raise ImportError(f'{what} needs matplotlib: pip install "rfmlearn[plot]"') from error


def new_figure(figsize, method):
    """New figure of pyplot with constrained layout; `method` is named if there is no matplotlib."""
    require_matplotlib(method)
    import matplotlib.pyplot as plt

    return plt.figure(figsize=figsize, layout="constrained")


def unmanaged_figure(figsize):
    """New figure that pyplot does not know of, so that nobody has to close it."""
    from matplotlib.figure import Figure

    return Figure(figsize=figsize, layout="constrained")


def labels(names):
    """Names on one line, distinct and not too long, in which dollars do not mean mathematics.

    Names that differ where they are cut are cut less; those that still coincide get their position, from 1.
    """
    # Half a pair of surrogates is no letter; fonts refuse it.
    texts = [" ".join(str(name).encode("utf-8", "replace").decode("utf-8").split()) for name in names]
    short = [_cut(text, _LENGTHS[0]) for text in texts]
    for length in _LENGTHS[1:]:
        count = Counter(short)
        short = [_cut(text, length) if count[now] > 1 else now for text, now in zip(texts, short, strict=True)]
    count = Counter(short)
    short = [
        f"{_cut(text, _LENGTHS[0])} ({k})" if count[now] > 1 else now
        for k, (text, now) in enumerate(zip(texts, short, strict=True), 1)
    ]
    # Legends leave out names that start with an underscore.
    return [(f" {text}" if text.startswith("_") else text).replace("$", r"\$") for text in short]


def _cut(text, length):
    """A text of at most so many letters, without its middle."""
    return text if len(text) <= length else f"{text[: length - 8]}…{text[-7:]}"


def scaled(image, center=None):
    """Colors, shape (height, width, 3), or gray values: the range, or that around a center, goes to [0, 1]."""
    picture = image if image.shape[2] == 3 else image.mean(axis=2)
    if center is None:
        low, high = picture.min(), picture.max()
    else:
        reach = np.abs(picture - center).max()
        low, high = center - reach, center + reach
    return (picture - low) / (high - low) if high > low else np.full_like(picture, 0.5)


def show(ax, picture, cmap, lowest, highest):
    """Draw an image without ticks."""
    ax.imshow(picture, cmap=cmap, vmin=lowest, vmax=highest, interpolation="nearest")
    ax.set(xticks=[], yticks=[])
