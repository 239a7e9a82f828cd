"""Which coordinates and which directions a fitted model reacts to."""

from __future__ import annotations

import numpy as np

from ..recursion._spectral import eigenpairs, shares_of_trace
from ._learned_agop import LearnedAGOP, check_agop, check_count
from ._matplotlib import BLUE, DARK_GRAY, LETTER_WIDTH, ORANGE, labels, new_figure, scaled, show

# Shares of the trace below this are rounding: no directions, and they would only stretch the axis of the spectrum.
_SMALLEST_SHARE = 1e-8
_MAX_BARS = 12
# Inches: of the spectrum and of a direction, of a name in the matrix, of a bar, of an image, of what stands beside the
# names of bars, of the colour bar, of titles.
_PANEL_WIDTH, _NAME_HEIGHT, _BAR_HEIGHT, _IMAGE_HEIGHT = 3.0, 0.17, 0.19, 2.2
_BARS_WIDTH, _COLOR_BAR_WIDTH, _TITLES_HEIGHT = 1.4, 1.2, 0.8
_SMALLEST_MATRIX = (6.0, 2.8)


class AGOPDisplay:
    """Average gradient outer product (AGOP) of a fitted model: the matrix, its spectrum, its leading directions.

    The AGOP is ``G = mean_i grad f(x_i) grad f(x_i)^T`` over training rows i, in scaled coordinates. Its diagonal says
    how strongly the prediction f reacts to each coordinate, the entries beside it which coordinates act together, and
    its leading eigenvectors are the directions to which f reacts most. Make it by `from_estimator`. What is drawn is
    kept in the attributes, and `plot` draws it again.

    Parameters
    ----------
    agop : ndarray of shape (n_coordinates, n_coordinates)
        Symmetric, positive semidefinite, finite.
    names : list of str
        Names of the coordinates.
    columns : array-like of int of shape (n_coordinates,) or None, default=None
        Place of each coordinate in the flattened image; None is their order. Not used without `image_shape`.
    image_shape : tuple of int or None, default=None
        (height, width) or (height, width, channels) of images whose pixels are the columns: directions are then drawn
        as images, in which pixels without a coordinate (those constant in training) are zero.
    title : str, default="AGOP"
        Whose AGOP it is.

    Attributes
    ----------
    eigenvalues : ndarray of shape (n_coordinates,)
        The largest first.
    eigenvectors : ndarray of shape (n_coordinates, n_coordinates)
        One in each row, in the same order. The sign makes the largest entry positive.
    share_of_trace : ndarray of shape (n_coordinates,)
        Eigenvalues over their sum.
    figure_ : matplotlib Figure
        Set by `plot`.
    axes_ : dict
        Set by `plot`: "matrix" and "spectrum", a single axes each; "directions", array of shape (n_drawn,), where
        directions of eigenvalue zero are not drawn; and with `image_shape` "diagonal".

    References
    ----------
    Radhakrishnan, Beaglehole, Pandit, Belkin, Mechanism for feature learning in neural networks and
    backpropagation-free machine learning models, arXiv 2212.13881, equation 2.

    Examples
    --------
    >>> import numpy as np
    >>> from rfmlearn.inspection import AGOPDisplay
    >>> display = AGOPDisplay(np.array([[2.0, 1.0], [1.0, 2.0]]), ["age", "height"])
    >>> display.share_of_trace
    array([0.75, 0.25])
    >>> display.eigenvectors[0].round(3)
    array([0.707, 0.707])
    >>> display.plot()  # doctest: +SKIP
    """

    def __init__(self, agop, names, *, columns=None, image_shape=None, title="AGOP"):
        self.agop = check_agop(agop)
        self.names = names
        self.columns = columns
        self.image_shape = image_shape
        self.title = title
        if len(self.agop) != len(names):
            raise ValueError(f"names must have one name for each of {len(self.agop)} coordinates, got {len(names)}.")
        if not len(names):
            raise ValueError("agop has no coordinate: all columns were constant in training, there is nothing to draw.")
        if image_shape is not None:
            _check_image_shape(image_shape)
            self._check_places()
        self.eigenvalues, self.eigenvectors = eigenpairs(self.agop)
        self._labels = labels(names)

    def _check_places(self):
        shape, places = self.image_shape, self._places()
        if len(places) != len(self.agop):
            raise ValueError(
                f"columns must have one place for each of {len(self.agop)} coordinates, got {len(places)}."
            )
        if len(np.unique(places)) < len(places):
            repeated = np.flatnonzero(np.bincount(places) > 1)[0]
            raise ValueError(f"image_shape needs one coordinate for a column, but column {repeated} has several.")
        if places.max() >= np.prod(shape):
            raise ValueError(
                f"image_shape={shape!r} has {np.prod(shape)} pixels, but there is a column {places.max()}."
            )

    def _places(self):
        return np.arange(len(self.agop)) if self.columns is None else np.asarray(self.columns)

    @property
    def share_of_trace(self):
        """Eigenvalues over their sum, zeros if that is zero."""
        return shares_of_trace(self.eigenvalues)

    @classmethod
    def from_estimator(cls, estimator, *, n_directions=3, max_names=25, image_shape=None, fig=None):
        """Draw the AGOP of a fitted estimator.

        Parameters
        ----------
        estimator : estimator with `agop_` and `coordinate_names_`, RFMRegressorCV or RFMClassifierCV
            Fitted. Of an ensemble, the member of the largest weight is drawn; the title says so. Of `AGOPFeatureMap`
            the last layer is drawn, of `DeepRFMRegressor` and `DeepRFMClassifier` the first.
        n_directions : int, default=3
            How many leading eigenvectors to draw.
        max_names : int, default=25
            The matrix shows so many coordinates, those of the largest diagonal.
        image_shape : tuple of int or None, default=None
            (height, width) or (height, width, channels) where the columns are the pixels of images.
        fig : matplotlib Figure or SubFigure, default=None
            To draw in; a new one if None.

        Returns
        -------
        display : AGOPDisplay

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        TypeError
            If it has no AGOP in named coordinates.
        ValueError
            If a number is below 1, the AGOP is not a finite positive semidefinite matrix, or the images do not have
            one pixel for each column.
        """
        learned = LearnedAGOP.of(estimator)
        if image_shape is not None:
            _check_image_shape(image_shape)
            _check_pixels(learned, image_shape)
        parts = {"columns": learned.columns, "image_shape": image_shape, "title": learned.source}
        display = cls(learned.agop, learned.names, **parts)
        return display.plot(n_directions=n_directions, max_names=max_names, fig=fig)

    def plot(self, *, n_directions=3, max_names=25, fig=None):
        """Draw matrix, spectrum and directions.

        Parameters
        ----------
        n_directions : int, default=3
            How many leading eigenvectors to draw.
        max_names : int, default=25
            The matrix shows so many coordinates, those of the largest diagonal.
        fig : matplotlib Figure or SubFigure, default=None
            To draw in; a new one with constrained layout if None.

        Returns
        -------
        display : AGOPDisplay
            With `figure_` and `axes_` set.
        """
        check_count("n_directions", n_directions)
        check_count("max_names", max_names)
        n_drawn, as_images = self._n_drawn(n_directions), self.image_shape is not None
        if fig is None:
            fig = new_figure(self.figure_size(n_directions, max_names), "AGOPDisplay.plot")
        self.figure_ = fig
        width, height = self._matrix_size(max_names)
        heights = (height, self._directions_height()) if n_drawn else (height,)
        rows = fig.add_gridspec(len(heights), 1, height_ratios=heights)
        first = rows[0].subgridspec(1, 2, width_ratios=(width, _PANEL_WIDTH))
        self.axes_ = {"matrix": fig.add_subplot(first[0]), "spectrum": fig.add_subplot(first[1])}
        self._plot_matrix(max_names)
        self._plot_spectrum(n_drawn)
        self.axes_["directions"] = np.array([], dtype=object)
        if n_drawn:
            second = rows[1].subgridspec(1, n_drawn + as_images)
            axes = np.array([fig.add_subplot(second[k]) for k in range(n_drawn + as_images)])
            self.axes_["directions"] = axes[as_images:]
            if as_images:
                self.axes_["diagonal"] = axes[0]
                self._plot_images()
            else:
                self._plot_bars()
        constant = "" if self.eigenvalues[0] > 0 else ": zero, the prediction is constant"
        fig.suptitle(f"{self.title}{constant}", fontsize="medium")
        return self

    def figure_size(self, n_directions=3, max_names=25):
        """Width and height in inches that suit what is drawn.

        Parameters
        ----------
        n_directions, max_names : int
            As in `plot`.

        Returns
        -------
        tuple of float
        """
        n_drawn, as_images = self._n_drawn(n_directions), self.image_shape is not None
        panel = _PANEL_WIDTH if as_images else max(_PANEL_WIDTH, _BARS_WIDTH + self._text_width())
        width, height = self._matrix_size(max_names)
        below = self._directions_height() if n_drawn else 0.0
        return max(width + _PANEL_WIDTH, panel * (n_drawn + as_images)), height + below

    def _n_drawn(self, n_directions):
        """How many of the directions asked for are more than rounding."""
        return min(n_directions, np.count_nonzero(self.share_of_trace > _SMALLEST_SHARE))

    def _text_width(self):
        """Inches of the longest name."""
        return LETTER_WIDTH * max(map(len, self._labels))

    def _matrix_size(self, max_names):
        """Inches of the matrix with its names, colour bar and titles: width and height."""
        side = _NAME_HEIGHT * min(max_names, len(self.names))
        width, height = _SMALLEST_MATRIX
        around = self._text_width() + _TITLES_HEIGHT
        return max(width, side + self._text_width() + _COLOR_BAR_WIDTH), max(height, side) + around

    def _directions_height(self):
        """Inches of the directions with their titles."""
        bars = _BAR_HEIGHT * min(_MAX_BARS, max(len(self.names), 4))
        return (bars if self.image_shape is None else _IMAGE_HEIGHT) + _TITLES_HEIGHT

    def _plot_matrix(self, max_names):
        ax, n = self.axes_["matrix"], len(self.agop)
        shown = np.arange(n)
        if n > max_names:
            shown = np.argsort(-np.diag(self.agop), kind="stable")[:max_names]
        part = self.agop[np.ix_(shown, shown)]
        reach = np.abs(part).max() or 1.0
        # Constrained layout cuts labels off where the aspect of axes with a colour bar is fixed.
        image = ax.imshow(part, cmap="RdBu_r", vmin=-reach, vmax=reach, interpolation="nearest", aspect="auto")
        names = [self._labels[k] for k in shown]
        ax.set_yticks(np.arange(len(shown)), names, fontsize="x-small")
        ax.set_xticks(np.arange(len(shown)), names, fontsize="x-small", rotation=90)
        ax.tick_params(length=0)
        ax.set_title("matrix" if n <= max_names else f"matrix, {max_names} of {n} coordinates", fontsize="small")
        bar = self.figure_.colorbar(image, ax=ax, shrink=0.6)
        bar.ax.tick_params(labelsize="x-small")

    def _plot_spectrum(self, n_drawn):
        ax, share = self.axes_["spectrum"], self.share_of_trace
        number = np.arange(1, len(share) + 1)
        shown = share > _SMALLEST_SHARE
        ax.plot(number[shown], share[shown], "o-", color=DARK_GRAY, linewidth=1.0, markersize=2.5)
        ax.plot(number[:n_drawn], share[:n_drawn], "o", color=ORANGE, markersize=4.5)
        lowest = share[shown].min(initial=0.1)
        ax.set(yscale="log", ylim=(10.0 ** np.floor(np.log10(lowest)), 2.0))
        ax.set(xlabel="eigenvalue", xlim=(0.5 - 0.02 * len(share), 0.5 + 1.02 * len(share)))
        ax.xaxis.get_major_locator().set_params(integer=True)
        ax.xaxis.label.set_size("small")
        ax.tick_params(labelsize="x-small")
        ax.tick_params(axis="y", which="minor", labelleft=False)
        ax.set_title("share of trace", fontsize="small")

    def _title_of(self, k):
        return f"direction {k + 1}: {100.0 * self.share_of_trace[k]:.3g} %"

    def _plot_bars(self):
        for k, ax in enumerate(self.axes_["directions"]):
            vector = self.eigenvectors[k]
            largest = np.argsort(-np.abs(vector), kind="stable")[:_MAX_BARS]
            place = np.arange(len(largest))
            ax.barh(place, vector[largest], color=np.where(vector[largest] >= 0, ORANGE, BLUE))
            ax.axvline(0.0, color=DARK_GRAY, linewidth=0.8)
            ax.set_yticks(place, [self._labels[j] for j in largest], fontsize="x-small")
            ax.invert_yaxis()
            ax.tick_params(axis="x", labelsize="x-small")
            ax.set_title(self._title_of(k), fontsize="small")

    def _plot_images(self):
        diagonal = self._as_image(np.diag(self.agop)).sum(axis=2)
        show(self.axes_["diagonal"], diagonal, "viridis", 0.0, diagonal.max())
        self.axes_["diagonal"].set_title("diagonal", fontsize="small")
        for k, ax in enumerate(self.axes_["directions"]):
            show(ax, scaled(self._as_image(self.eigenvectors[k]), center=0.0), "RdBu_r", 0.0, 1.0)
            ax.set_title(self._title_of(k), fontsize="small")

    def _as_image(self, values):
        """Image of shape (height, width, channels) of a value for each coordinate."""
        image = np.zeros(np.prod(self.image_shape))
        image[self._places()] = values
        return image.reshape(*self.image_shape[:2], -1)


def _check_image_shape(shape):
    """Raise unless a shape is one of images."""
    sizes = list(shape) if np.iterable(shape) else []
    if len(sizes) not in (2, 3) or not all(isinstance(size, (int, np.integer)) and size >= 1 for size in sizes):
        raise ValueError(f"image_shape must be (height, width) or (height, width, channels), got {shape!r}.")


def _check_pixels(learned, shape):
    """Raise unless images of a shape have one pixel for each column of the table."""
    if learned.columns is None:
        raise ValueError(
            f"image_shape needs coordinates each of which comes from one column of X, but those of the AGOP are "
            f"{', '.join(learned.names[:2])}, ...; pass None."
        )
    n_pixels, n_columns = np.prod(shape), learned.encoder.n_features_in
    if n_pixels != n_columns:
        raise ValueError(f"image_shape={shape!r} has {n_pixels} pixels, but X had {n_columns} columns.")
