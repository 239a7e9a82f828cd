"""Rows as the model sees them: projected on the directions to which it reacts most."""

from __future__ import annotations

import numpy as np
from sklearn.base import is_classifier, is_regressor
from sklearn.utils import check_consistent_length

from ._learned_agop import LearnedAGOP, eigenpairs, shares_of_trace
from ._matplotlib import BLUE, DARK_GRAY, LIGHT_GRAY, label, new_figure

# Ten colours chosen to be told apart by the colour-blind (Petroff, arXiv 2107.02270), and markers that help.
_COLORS = "#3f90da #ffa90e #bd1f01 #832db6 #a96b59 #e76300 #b9ac70 #717581 #92dadd #94a4a2".split()
_MARKERS = "osD^vPpX<>"
_MOST_CLASSES = 10
FIGURE_SIZE = (6.4, 4.6)


class ProjectionDisplay:
    """Rows projected on the leading eigenvectors of the average gradient outer product (AGOP), coloured by target.

    With v_1 and v_2 the leading eigenvectors and x a row in scaled coordinates, its place is (v_1 x, v_2 x): the view
    in which the prediction varies most.

    Parameters
    ----------
    projections : ndarray of shape (m, 1) or (m, 2)
        With one direction, rows stand in their order above it.
    y : ndarray of shape (m,) or None, default=None
        Targets.
    classes : bool, default=False
        Whether `y` are classes, which get a legend, rather than numbers, which get a colour bar. Of more than ten
        classes the nine most frequent have colours and the others are gray.
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
    >>> display = ProjectionDisplay(np.array([[0.0, 1.0], [2.0, 3.0]]), np.array(["cat", "dog"]), classes=True)
    >>> display.groups()
    [('cat', array([ True, False])), ('dog', array([False,  True]))]
    >>> display.plot()  # doctest: +SKIP
    """

    def __init__(self, projections, y=None, *, classes=False, share_of_trace=None, title="AGOP"):
        self.projections = projections
        self.y = y
        self.classes = classes
        self.share_of_trace = share_of_trace
        self.title = title
        if projections.ndim != 2 or projections.shape[1] not in (1, 2):
            raise ValueError(f"projections must have shape (m, 1) or (m, 2), got {projections.shape}.")
        if y is not None and np.shape(y) != (len(projections),):
            raise ValueError(f"y must have shape ({len(projections)},), one target for each row, got {np.shape(y)}.")

    @classmethod
    def from_estimator(cls, estimator, X, y=None, *, ax=None):
        """Project a table on the directions of a fitted estimator.

        Parameters
        ----------
        estimator : RFMRegressor, RFMClassifier, RFMRegressorCV, RFMClassifierCV, or other with `agop_`
            Fitted. Of an ensemble, the member of the largest weight is taken; the title says so.
        X : array-like or DataFrame of shape (m, n_features)
            Columns as in fit.
        y : array-like of shape (m,), default=None
            Targets, for the colours. Of neither a classifier nor a regressor, they are classes unless they are
            numbers of more than ten values.
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
        classes = False
        if y is not None:
            check_consistent_length(X, y)
            y = np.asarray(y)
            classes = is_classifier(estimator) or not (is_regressor(estimator) or _is_continuous(y))
        eigenvalues, eigenvectors = eigenpairs(learned.agop)
        parts = {"classes": classes, "share_of_trace": shares_of_trace(eigenvalues)[:2], "title": learned.source}
        return cls(learned.points(X) @ eigenvectors[:2].T, y, **parts).plot(ax=ax)

    def groups(self):
        """Names of the classes drawn and their rows, in the order of the classes.

        Returns
        -------
        list of (str, ndarray of bool)
            Of more than ten classes the nine most frequent, and the others as one.
        """
        classes, codes = np.unique(self.y, return_inverse=True)
        chosen = np.arange(len(classes))
        if len(classes) > _MOST_CLASSES:
            chosen = np.sort(np.argsort(-np.bincount(codes), kind="stable")[: _MOST_CLASSES - 1])
        groups = [(str(classes[k]), codes == k) for k in chosen]
        if len(chosen) < len(classes):
            groups.append((f"{len(classes) - len(chosen)} other classes", ~np.isin(codes, chosen)))
        return groups

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
        elif self.classes:
            self._plot_classes(first, second, style)
        else:
            points = ax.scatter(first, second, c=self.y, cmap="viridis", **style)
            bar = ax.figure.colorbar(points, ax=ax, label="target")
            bar.ax.tick_params(labelsize="small")
        ax.set_xlabel(self._name_of(0), fontsize="small")
        ax.set_ylabel(self._name_of(1) if self.projections.shape[1] == 2 else "row", fontsize="small")
        ax.tick_params(labelsize="small")
        ax.set_title(f"rows on leading directions of the {self.title}", fontsize="small")
        return self

    def _plot_classes(self, first, second, style):
        groups = self.groups()
        colors = list(_COLORS)
        if len(np.unique(self.y)) > _MOST_CLASSES:
            colors[len(groups) - 1] = LIGHT_GRAY
        for (name, rows), color, marker in zip(groups, colors, _MARKERS, strict=False):
            self.ax_.scatter(first[rows], second[rows], color=color, marker=marker, label=label(name), **style)
        legend = {"loc": "upper left", "bbox_to_anchor": (1.0, 1.0), "frameon": False, "labelcolor": DARK_GRAY}
        self.ax_.legend(fontsize="small", markerscale=1.4, **legend)

    def _name_of(self, k):
        name = f"direction {k + 1}"
        return name if self.share_of_trace is None else f"{name}, {100.0 * self.share_of_trace[k]:.3g} % of trace"


def _is_continuous(y):
    """Whether targets are numbers of more values than classes have colours."""
    return y.dtype.kind in "iuf" and len(np.unique(y)) > _MOST_CLASSES
