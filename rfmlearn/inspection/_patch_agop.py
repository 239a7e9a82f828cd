"""Which patches a machine for images has learned to look at."""

from __future__ import annotations

from numbers import Integral

import numpy as np
from sklearn.exceptions import NotFittedError

from ._matplotlib import new_figure, scaled, show

# Shares of the trace below this are rounding, and would only stretch the axis of the spectrum.
_SMALLEST_SHARE = 1e-8
# Inches of a panel, and what the titles need.
_PANEL_WIDTH, _PANEL_HEIGHT, _TITLES_HEIGHT = 1.35, 1.35, 0.5


def _images_seen(estimator, X):
    """Images as the estimator sees them, shape (m, height, width, channels)."""
    height, width, channels = shape = tuple(estimator.image_shape_)
    X = np.asarray(X)
    if X.shape == shape or (X.shape == (height, width) and channels == 1):
        X = X[np.newaxis]
    images, _ = estimator._check_images(X)
    return estimator._layers.seen(images)


class PatchAGOPDisplay:
    """Top filters of the average gradient outer product (AGOP) of patches, and what they see in images.

    The filters are eigenvectors of the patch AGOP: the patterns to which the prediction reacts most, wherever they are
    in an image. Make it by `from_estimator`. What is drawn is kept in the attributes, and `plot` draws it again.

    Parameters
    ----------
    eigenvalues : ndarray of shape (D,)
        All eigenvalues of the patch AGOP, the largest first.
    filters : ndarray of shape (n_filters, size, size, n_channels)
        Eigenvectors of the first of them, as patches.
    images : ndarray of shape (m, height, width, n_channels) or None, default=None
        Images to look at.
    responses : ndarray of shape (m, n_filters, rows, columns) or None, default=None
        Inner products of the filters with all patches of the images.
    energy : ndarray of shape (m, rows, columns) or None, default=None
        Squared norm of all patches x, ``|x|^2``.
    learned_energy : ndarray of shape (m, rows, columns) or None, default=None
        Squared norm as the kernel sees it, ``|M^(1/2) x|^2`` with the learned matrix M.

    Attributes
    ----------
    share_of_trace : ndarray of shape (D,)
        Eigenvalues over their sum.
    figure_ : matplotlib Figure
        Set by `plot`.
    axes_ : dict
        Set by `plot`: "filters", array of shape (n_filters,); "spectrum", a single axes; and if there are images
        "images", array of shape (m,), "responses", of shape (m, n_filters), and "energy", of shape (m, 2).

    Examples
    --------
    >>> import numpy as np
    >>> from rfmlearn.inspection import PatchAGOPDisplay
    >>> edge = np.array([[1.0, -1.0], [1.0, -1.0]]) / 2.0
    >>> display = PatchAGOPDisplay(np.array([3.0, 1.0, 0.0, 0.0]), edge.reshape(1, 2, 2, 1))
    >>> display.share_of_trace
    array([0.75, 0.25, 0. , 0. ])
    >>> display.plot()  # doctest: +SKIP
    """

    def __init__(self, eigenvalues, filters, *, images=None, responses=None, energy=None, learned_energy=None):
        self.eigenvalues = eigenvalues
        self.filters = filters
        self.images = images
        self.responses = responses
        self.energy = energy
        self.learned_energy = learned_energy

    @property
    def share_of_trace(self):
        """Eigenvalues over their sum, zeros if that is zero."""
        total = self.eigenvalues.sum()
        return self.eigenvalues / total if total > 0 else np.zeros_like(self.eigenvalues)

    @classmethod
    def from_estimator(cls, estimator, X=None, *, n_filters=6, fig=None):
        """Draw the top filters of a fitted estimator.

        Parameters
        ----------
        estimator : ConvRFMClassifier
            Fitted.
        X : array-like of shape (m, height, width[, n_channels]) or (height, width, n_channels), default=None
            A few images, or a single one, each of which gets a row: the image, its response to every filter, and the
            squared norms of its patches before and after the learned matrix.
        n_filters : int, default=6
            How many filters to draw, all if there are fewer.
        fig : matplotlib Figure or SubFigure, default=None
            To draw in; a new one if None.

        Returns
        -------
        display : PatchAGOPDisplay
        """
        if not hasattr(estimator, "patch_eigenvectors_"):
            raise NotFittedError(
                f"estimator must be a fitted ConvRFMClassifier, got {type(estimator).__name__} without "
                "patch_eigenvectors_: call fit first"
            )
        if not isinstance(n_filters, Integral) or n_filters < 1:
            raise ValueError(f"n_filters must be an integer of at least 1, got n_filters={n_filters!r}")
        filters = estimator.patch_eigenvectors_[:n_filters]
        if X is None:
            return cls(estimator.patch_eigenvalues_, filters).plot(fig)

        images = _images_seen(estimator, X)
        grid = estimator._grid
        responses, energy, learned_energy = [], [], []
        for image in images:
            patches = grid.cut(grid.pad(image[np.newaxis]))[..., 0]
            responses.append(np.moveaxis(patches @ filters.reshape(len(filters), -1).T, 2, 0))
            energy.append(np.square(patches).sum(axis=2))
            # |M^(1/2) x|^2 = x^T M x, which is negative only by rounding.
            learned_energy.append(np.maximum(((patches @ estimator.patch_matrix_) * patches).sum(axis=2), 0.0))
        display = cls(
            estimator.patch_eigenvalues_,
            filters,
            images=images,
            responses=np.stack(responses),
            energy=np.stack(energy),
            learned_energy=np.stack(learned_energy),
        )
        return display.plot(fig)

    def plot(self, fig=None):
        """Draw filters and spectrum, and a row for every image.

        Parameters
        ----------
        fig : matplotlib Figure or SubFigure, default=None
            To draw in; a new one with constrained layout if None.

        Returns
        -------
        display : PatchAGOPDisplay
            With `figure_` and `axes_` set.
        """
        n_images = 0 if self.images is None else len(self.images)
        # With images, a filter stands over its responses and the spectrum over the energies.
        first = 1 if n_images else 0
        n_filters = len(self.filters)
        n_columns = first + n_filters + 2
        if fig is None:
            size = (_PANEL_WIDTH * n_columns, _PANEL_HEIGHT * (1 + n_images) + _TITLES_HEIGHT)
            fig = new_figure(size, "PatchAGOPDisplay.plot")
        grid = fig.add_gridspec(1 + n_images, n_columns)
        self.figure_ = fig
        self.axes_ = {
            "filters": np.array([fig.add_subplot(grid[0, first + k]) for k in range(n_filters)]),
            "spectrum": fig.add_subplot(grid[0, first + n_filters :]),
        }
        self._plot_filters()
        self._plot_spectrum()
        if n_images:
            below = np.array([[fig.add_subplot(grid[1 + i, k]) for k in range(n_columns)] for i in range(n_images)])
            self.axes_.update(images=below[:, 0], responses=below[:, 1:-2], energy=below[:, -2:])
            self._plot_images()
        return self

    def _plot_filters(self):
        for k, ax in enumerate(self.axes_["filters"]):
            show(ax, scaled(self.filters[k], center=0.0), "RdBu_r", 0.0, 1.0)
            ax.set_title(f"filter {k + 1}\n{100.0 * self.share_of_trace[k]:.3g} % of trace", fontsize="small")

    def _plot_spectrum(self):
        ax = self.axes_["spectrum"]
        number = np.arange(1, len(self.eigenvalues) + 1)
        shown = self.share_of_trace > _SMALLEST_SHARE
        drawn = shown & (number <= len(self.filters))
        ax.plot(number[shown], self.share_of_trace[shown], color="tab:gray", linewidth=1.0)
        ax.plot(number[drawn], self.share_of_trace[drawn], "o", color="tab:red", markersize=3.0)
        lowest = self.share_of_trace[shown].min(initial=0.1)
        ax.set(yscale="log", ylim=(10.0 ** np.floor(np.log10(lowest)), 2.0))
        ax.tick_params(labelsize="x-small")
        ax.set_title("eigenvalues, share of trace", fontsize="small")

    def _plot_images(self):
        # One scale for all images, so that what one has and another has not is seen.
        reach = np.abs(self.responses).max(axis=(0, 2, 3))
        for i, image in enumerate(self.images):
            show(self.axes_["images"][i], scaled(image), "gray", 0.0, 1.0)
            for k, ax in enumerate(self.axes_["responses"][i]):
                show(ax, self.responses[i, k], "RdBu_r", -reach[k], reach[k])
            for ax, energy in zip(self.axes_["energy"][i], (self.energy, self.learned_energy), strict=True):
                show(ax, energy[i], "magma", energy.min(), energy.max())
        titles = ["image", *(f"response {k + 1}" for k in range(len(self.filters))), "before", "after $M^{1/2}$"]
        top = [self.axes_["images"][0], *self.axes_["responses"][0], *self.axes_["energy"][0]]
        for ax, title in zip(top, titles, strict=True):
            ax.set_title(title, fontsize="small")
