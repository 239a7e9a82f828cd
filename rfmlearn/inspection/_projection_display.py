"""Rows as the model sees them: projected on the directions to which it reacts most."""

from __future__ import annotations

import numpy as np
from sklearn.base import is_regressor
from sklearn.utils import check_consistent_length

from ..recursion._spectral import eigenpairs, shares_of_trace
from ._learned_agop import LearnedAGOP
from ._matplotlib import BLUE, DARK_GRAY, LIGHT_GRAY, labels, new_figure
from ._row_targets import class_codes, classes_of_labels, one_column, target_numbers

# Ten colours chosen to be told apart by the colour-blind (Petroff, arXiv 2107.02270), and markers that help.
_COLORS = "#3f90da #ffa90e #bd1f01 #832db6 #a96b59 #e76300 #b9ac70 #717581 #92dadd #94a4a2".split()
_MARKERS = "osD^vPpX<>"
_MOST_CLASSES = 10
# Of rows in no class that has a colour: the other classes, and missing labels.
_GRAY_LOOKS = [(LIGHT_GRAY, "o"), (DARK_GRAY, "d")]
FIGURE_SIZE = (6.4, 4.6)


class ProjectionDisplay:
    """Rows projected on the leading eigenvectors of the average gradient outer product (AGOP), coloured by target.

    With v_1 and v_2 the leading eigenvectors and x a row in scaled coordinates, its place is (v_1 x, v_2 x): the view
    in which the prediction varies most.

    Parameters
    ----------
    projections : ndarray of shape (m, 1) or (m, 2)
        With one direction, rows stand in their order above it.
    y : array-like of shape (m,) or (m, 1) or None, default=None
        Targets. Rows of which they are missing (None, NaN) are gray.
    classes : array-like of shape (n_classes,) or None, default=None
        Classes to which the `y` belong, which get a legend; None means that `y` are numbers, which get a colour bar.
        Colours go by the place in this list, whether there are rows of a class or not, so that pictures of several
        tables agree. Of more than ten classes the first nine have colours and the others are gray.
    share_of_trace : ndarray of shape (1,) or (2,) or None, default=None
        Of the directions, for their names.
    title : str, default="AGOP"
        Whose directions they are.

    Attributes
    ----------
    figure_, ax_ : matplotlib Figure and Axes
        Set by `plot`.

    Examples
    --------
    >>> import numpy as np
    >>> from rfmlearn.inspection import ProjectionDisplay
    >>> display = ProjectionDisplay(np.array([[0.0, 1.0], [2.0, 3.0]]), ["dog", "cat"], classes=["cat", "dog"])
    >>> display.groups()
    [('cat', array([False,  True])), ('dog', array([ True, False]))]
    >>> display.plot()  # doctest: +SKIP
    """

    def __init__(self, projections, y=None, *, classes=None, share_of_trace=None, title="AGOP"):
        self.projections = np.asarray(projections)
        self.classes = classes
        self.share_of_trace = share_of_trace
        self.title = title
        if self.projections.ndim != 2 or self.projections.shape[1] not in (1, 2):
            raise ValueError(f"projections must have shape (m, 1) or (m, 2), got {self.projections.shape}.")
        self.y = y
        if y is not None:
            self.y = y = one_column(y)
            m = len(self.projections)
            if y.shape != (m,):
                raise ValueError(
                    f"y must have shape ({m},) or ({m}, 1), one target for each row, got {y.shape}; of several "
                    "outputs, pass one."
                )
            self._values = target_numbers(y) if classes is None else class_codes(y, classes)

    @classmethod
    def from_estimator(cls, estimator, X, y=None, *, ax=None):
        """Project a table on the directions of a fitted estimator.

        Parameters
        ----------
        estimator : estimator of rfmlearn for tables
            Fitted: one of the RFM estimators, with CV or without, of the DeepRFM ones, whose first layer counts, or
            `AGOPFeatureMap`, whose last one does. Of an ensemble, the member of the largest weight is taken; the title
            says so.
        X : array-like or DataFrame of shape (m, n_features)
            Columns as in fit.
        y : array-like of shape (m,) or (m, 1), default=None
            Targets, for the colours: of a classifier, labels among its `classes_`, in whose order colours go; of a
            regressor, numbers, one output if there are several. Of `AGOPFeatureMap`, as of the estimator in it; where
            that has no `classes_`, they are classes unless they are numbers of more than ten values.
        ax : matplotlib Axes, default=None
            To draw in; that of a new figure if None.

        Returns
        -------
        display : ProjectionDisplay

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        TypeError
            If it has no AGOP in named coordinates.
        ValueError
            If X or y is not what is described above.
        """
        learned = LearnedAGOP.of(estimator)
        if not learned.names:
            raise ValueError("there is no direction to project on: all columns were constant in training.")
        classes = None
        if y is not None:
            check_consistent_length(X, y)
            y = one_column(y)
            classes = _known_classes(estimator, y)
        eigenvalues, eigenvectors = eigenpairs(learned.agop)
        parts = {"classes": classes, "share_of_trace": shares_of_trace(eigenvalues)[:2], "title": learned.source}
        return cls(learned.points(X) @ eigenvectors[:2].T, y, **parts).plot(ax=ax)

    def groups(self):
        """Names of the classes that have a colour and their rows, in the order of the classes.

        Returns
        -------
        list of (str, ndarray of bool)
            Of more than ten classes the first nine, and the others as one; then the rows of missing labels, if any.
        """
        n_classes, n_colored = len(self.classes), self._n_colored()
        groups = [(str(name), self._values == k) for k, name in enumerate(self.classes[:n_colored])]
        if n_colored < n_classes:
            groups.append((f"{n_classes - n_colored} other classes", self._values >= n_colored))
        missing = self._values < 0
        return [*groups, ("missing", missing)] if missing.any() else groups

    def _n_colored(self):
        return len(self.classes) if len(self.classes) <= _MOST_CLASSES else _MOST_CLASSES - 1

    def plot(self, *, ax=None):
        """Draw the rows.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            To draw in; that of a new figure with constrained layout if None.

        Returns
        -------
        display : ProjectionDisplay
            With `figure_` and `ax_` set.
        """
        if ax is None:
            ax = new_figure(FIGURE_SIZE, "ProjectionDisplay.plot").add_subplot()
        self.figure_, self.ax_ = ax.figure, ax
        first = self.projections[:, 0]
        second = self.projections[:, 1] if self.projections.shape[1] == 2 else np.arange(len(first))
        style = {"s": np.clip(15_000 / max(len(first), 1), 12, 40), "linewidths": 0.3, "edgecolors": "white"}
        if self.y is None:
            ax.scatter(first, second, color=BLUE, **style)
        elif self.classes is None:
            self._plot_numbers(first, second, style)
        else:
            self._plot_classes(first, second, style)
        ax.set_xlabel(self._name_of(0), fontsize="small")
        ax.set_ylabel(self._name_of(1) if self.projections.shape[1] == 2 else "row", fontsize="small")
        ax.tick_params(labelsize="small")
        ax.set_title(f"rows on leading directions of the {self.title}", fontsize="small")
        return self

    def _plot_numbers(self, first, second, style):
        ax, missing = self.ax_, np.isnan(self._values)
        if missing.any():
            color, marker = _GRAY_LOOKS[0]
            ax.scatter(first[missing], second[missing], color=color, marker=marker, label="missing", **style)
            ax.legend(fontsize="small", labelcolor=DARK_GRAY)
        points = ax.scatter(first[~missing], second[~missing], c=self._values[~missing], cmap="viridis", **style)
        bar = ax.figure.colorbar(points, ax=ax, label="target")
        bar.ax.tick_params(labelsize="small")

    def _plot_classes(self, first, second, style):
        groups = self.groups()
        names = labels(name for name, _ in groups)
        looks = [*zip(_COLORS, _MARKERS, strict=True)][: self._n_colored()] + _GRAY_LOOKS
        for (_, rows), name, (color, marker) in zip(groups, names, looks, strict=False):
            if rows.any():
                self.ax_.scatter(first[rows], second[rows], color=color, marker=marker, label=name, **style)
        legend = {"loc": "upper left", "bbox_to_anchor": (1.0, 1.0), "frameon": False, "labelcolor": DARK_GRAY}
        self.ax_.legend(fontsize="small", markerscale=1.4, **legend)

    def _name_of(self, k):
        name = f"direction {k + 1}"
        return name if self.share_of_trace is None else f"{name}, {100.0 * self.share_of_trace[k]:.3g} % of trace"


def _known_classes(estimator, y):
    """Classes of an estimator or of the one in a feature map; None if targets are numbers."""
    classes = getattr(estimator, "classes_", getattr(getattr(estimator, "estimator_", None), "classes_", None))
    if classes is not None:
        return classes
    if is_regressor(estimator) or _are_numbers(y):
        return None
    return classes_of_labels(y)


def _are_numbers(y):
    """Whether targets are numbers rather than labels, as `AGOPFeatureMap` takes them: not whole, or of many values."""
    if y.dtype.kind not in "iuf":
        return False
    values = np.unique(y[~np.isnan(y)])
    return len(values) > _MOST_CLASSES or bool(np.any(values != np.round(values)))
