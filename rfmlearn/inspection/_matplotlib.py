"""What the displays share: figures of matplotlib, imported when one is drawn, and how names and images look in them."""

from __future__ import annotations

import numpy as np

# Told apart by the colour-blind: blue, orange, light and dark gray.
BLUE, ORANGE, LIGHT_GRAY, DARK_GRAY = "#0072b2", "#d55e00", "#c4c4c4", "#595959"
_LONGEST_NAME = 22


def new_figure(figsize, method):
    """New figure of pyplot with constrained layout; `method` is named if there is no matplotlib."""
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError(f'{method} needs matplotlib: pip install "rfmlearn[plot]"') from error
    return plt.figure(figsize=figsize, layout="constrained")


def unmanaged_figure(figsize):
    """New figure that pyplot does not know of, so that nobody has to close it."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError('the report needs matplotlib: pip install "rfmlearn[plot]"') from error
    return Figure(figsize=figsize, layout="constrained")


def label(name):
    """A name on one line, not too long, in which dollars do not mean mathematics."""
    text = " ".join(str(name).split())
    if len(text) > _LONGEST_NAME:
        text = f"{text[: _LONGEST_NAME - 8]}…{text[-7:]}"
    if text.startswith("_"):  # legends leave such names out
        text = f" {text}"
    return text.replace("$", r"\$")


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
