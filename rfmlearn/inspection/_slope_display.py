"""How predictions change with each column, row by row: slopes, or local importances."""

from __future__ import annotations

import numpy as np

from ..gradients import input_gradients
from ..gradients._categorical import categorical_columns
from ..tables._frames import check_table, split_table, table_names
from ._learned_agop import check_count
from ._local_importances import chosen_outputs, local_importances
from ._matplotlib import DARK_GRAY, LIGHT_GRAY, labels, new_figure, require_matplotlib

KINDS = ("slope", "importance")
_WIDTH, _STRIP_HEIGHT, _SHARED_HEIGHT, _AROUND = 7.4, 0.62, 0.42, 0.9
# Points of a strip lie side by side where they are dense, in so many bins across; at most so many are drawn.
_N_BINS, _MOST_POINTS = 120, 2000
# Points in one bin that fill the width of a strip.
_CROWDED = 16
# Shares of the values of a column between which its colours run, as outliers would take them all.
_COLOURED = (0.05, 0.95)


class SlopeDisplay:
    """Distributions over rows of the slopes of a fitted function, or of local importances: a strip of points a column.

    A point is a row. Its place is the derivative of the prediction by the column, in units of the target per unit of
    the column, so every strip has an axis of its own; or, of local importances, the contribution of the column to the
    difference from the baseline, in units of the target on one axis for all. Its colour is the value of the column. A
    strip with points on both sides of zero is of a column whose effect has no one direction; one whose colours are in
    order, of a column whose effect bends; one whose colours are mixed, of a column that acts together with others.
    Make it by `from_estimator`.

    Parameters
    ----------
    values : ndarray of shape (n_rows, n_columns)
        Slopes or contributions.
    columns : ndarray of shape (n_rows, n_columns)
        Numbers of the columns, which give the colours; NaN where they are missing or there are none.
    names : list of str
        Names of the columns.
    kind : {"slope", "importance"}, default="slope"
        What `values` are.

    Attributes
    ----------
    importances : ndarray of shape (n_columns,)
        By which columns are ordered: root mean square of slopes times the standard deviation of the column, or mean
        size of contributions.
    figure_ : matplotlib Figure
        Set by `plot`.
    axes_ : ndarray of matplotlib Axes of shape (n_drawn,)
        Set by `plot`: a strip for each column that is drawn.

    Examples
    --------
    >>> import numpy as np
    >>> from rfmlearn.inspection import SlopeDisplay
    >>> slopes = np.array([[1.0, 0.1], [3.0, -0.1]])
    >>> display = SlopeDisplay(slopes, np.array([[0.0, 5.0], [2.0, 6.0]]), ["age", "height"])
    >>> display.importances.round(2)
    array([2.24, 0.05])
    >>> display.plot()  # doctest: +SKIP
    """

    def __init__(self, values, columns, names, *, kind="slope"):
        self.values = np.asarray(values, dtype=np.float64)
        self.columns = np.asarray(columns, dtype=np.float64)
        self.names = names
        self.kind = kind
        if kind not in KINDS:
            raise ValueError(f'kind must be "slope" or "importance", got {kind!r}.')
        if self.values.ndim != 2 or self.values.shape != self.columns.shape or self.values.shape[1] != len(names):
            raise ValueError(
                "values and columns must both have shape (n_rows, n_columns) with a name for each column, got "
                f"{self.values.shape}, {self.columns.shape} and {len(names)} names."
            )
        if not self.values.size:
            raise ValueError(f"values have shape {self.values.shape}: there is nothing to draw.")
        if not np.isfinite(self.values).all():
            raise ValueError("values must be finite, but some are NaN or infinite.")

    @property
    def importances(self):
        """What columns are ordered by."""
        if self.kind == "importance":
            return np.abs(self.values).mean(axis=0)
        seen = ~np.isnan(self.columns)
        count = np.maximum(seen.sum(axis=0), 1)
        mean = np.sum(self.columns, axis=0, where=seen) / count
        deviation = np.sqrt(np.sum((self.columns - mean) ** 2, axis=0, where=seen) / count)
        return np.sqrt(np.mean(self.values**2, axis=0)) * deviation

    @classmethod
    def from_estimator(
        cls, estimator, X, *, kind="slope", output="auto", target=None, max_features=12, fig=None, **options
    ):
        """Draw the slopes of a fitted estimator, or local importances, at the rows of a table.

        Parameters
        ----------
        estimator : object
            Fitted estimator, or a function, as `input_gradients` and `local_importances` take it.
        X : array-like or DataFrame of shape (n_rows, n_features)
            Rows. Some hundreds are enough.
        kind : {"slope", "importance"}, default="slope"
            Slopes, of numeric columns only, or what `local_importances` gives, of all columns.
        output : {"auto", "prediction", "probability", "decision"}, default="auto"
            Of which output, as in `input_gradients`.
        target : int, str or None, default=None
            The class, by its label, or the place of the output of a regressor of several. None is for a single output,
            or of two classes the second.
        max_features : int, default=12
            Columns drawn, the most important ones.
        fig : matplotlib Figure or SubFigure, default=None
            To draw in; a new one if None.
        **options : dict
            Handed to `local_importances`, such as `baseline` or `background`; none for slopes.

        Returns
        -------
        display : SlopeDisplay

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If there are several outputs and no `target`, no column is numeric, or a parameter is not what is described
            above.
        ImportError
            Without matplotlib, before anything is computed.
        """
        check_count("max_features", max_features)
        require_matplotlib("SlopeDisplay.plot")
        X = check_table(X)
        places, columns = np.arange(X.shape[1]), _numbers(estimator, X)
        if kind == "importance":
            values = local_importances(estimator, X, output=output, target=target, **options)
            values = values if values.ndim == 3 else values[None]
        else:
            if options:
                raise ValueError(f'{", ".join(options)} is for kind="importance", got kind={kind!r}.')
            places = np.flatnonzero([column is not None for column in columns])
            if not len(places):
                raise ValueError('X has no numeric column, and others have no slopes: take kind="importance".')
            values = input_gradients(estimator, X, output=output, features=places)
            values = chosen_outputs(estimator, target, len(values))[0](values)
        if len(values) > 1:
            raise ValueError(f"target must say which of {len(values)} outputs, or classes, is drawn.")
        missing = np.full(len(X), np.nan)
        shades = np.column_stack([missing if columns[j] is None else columns[j] for j in places])
        names = table_names(X)[0]
        display = cls(values[0], shades, [names[j] for j in places], kind=kind)
        return display.plot(max_features=max_features, fig=fig)

    def plot(self, *, max_features=12, fig=None):
        """Draw a strip for each column, the most important first.

        Parameters
        ----------
        max_features : int, default=12
            Columns drawn.
        fig : matplotlib Figure or SubFigure, default=None
            To draw in; a new one with constrained layout if None.

        Returns
        -------
        display : SlopeDisplay
            With `figure_` and `axes_` set.
        """
        check_count("max_features", max_features)
        shown = np.argsort(-self.importances, kind="stable")[:max_features]
        shared = self.kind == "importance"
        if fig is None:
            height = _SHARED_HEIGHT if shared else _STRIP_HEIGHT
            fig = new_figure((_WIDTH, height * max(len(shown), 3) + _AROUND), "SlopeDisplay.plot")
            fig.get_layout_engine().set(h_pad=0.03, hspace=0.0)
        self.figure_ = fig
        self.axes_ = np.atleast_1d(fig.subplots(len(shown), 1, sharex=shared))
        texts = labels(self.names)
        # Rows evenly spaced, if they are too many to be told apart.
        rows = np.unique(np.linspace(0, len(self.values) - 1, min(len(self.values), _MOST_POINTS)).round().astype(int))
        for ax, j in zip(self.axes_, shown, strict=True):
            limits = _limits(self.values[np.ix_(rows, shown if shared else [j])])
            self._plot_strip(ax, self.values[rows, j], self.columns[rows, j], limits)
            ax.set_ylabel(texts[j], rotation=0, ha="right", va="center", fontsize="small")
        self._finish(len(shown))
        return self

    def _plot_strip(self, ax, values, column, limits):
        place = swarm(values, limits)
        shades = _shades(column)
        known = ~np.isnan(shades)
        style = {"s": 9, "linewidths": 0}
        ax.axvline(0.0, color=LIGHT_GRAY, linewidth=1.0, zorder=0)
        ax.scatter(values[~known], place[~known], color=LIGHT_GRAY, **style)
        ax.scatter(values[known], place[known], c=shades[known], cmap="viridis", vmin=0.0, vmax=1.0, **style)
        ax.set(xlim=limits, ylim=(-0.6, 0.6), yticks=[])
        ax.tick_params(axis="x", labelsize="x-small", length=2, pad=1)
        for side in ("left", "right", "top"):
            ax.spines[side].set_visible(False)
        ax.spines["bottom"].set_color(LIGHT_GRAY)

    def _finish(self, n_drawn):
        from matplotlib.cm import ScalarMappable

        shared = self.kind == "importance"
        if shared:
            for ax in self.axes_[:-1]:
                ax.spines["bottom"].set_visible(False)
                ax.tick_params(axis="x", length=0, labelbottom=False)
        unit = "contribution, in units of the output" if shared else "slope, output per unit of the column"
        self.axes_[-1].set_xlabel(unit, fontsize="small", color=DARK_GRAY)
        bar = self.figure_.colorbar(
            ScalarMappable(cmap="viridis"), ax=list(self.axes_), aspect=50, fraction=0.02, pad=0.02
        )
        bar.set_ticks([0.0, 1.0], labels=["low", "high"], fontsize="x-small")
        bar.set_label("value of the column", fontsize="x-small", labelpad=-12)
        bar.outline.set_visible(False)
        what = "local importances" if shared else "slopes"
        of_all = f", {n_drawn} of {len(self.names)} columns" if n_drawn < len(self.names) else ""
        self.figure_.suptitle(f"{what} at {len(self.values)} rows{of_all}", fontsize="medium")


def swarm(values, limits):
    """Heights of points between -1/2 and 1/2: side by side around zero where many have nearly the same value.

    The width of the swarm grows with the root of how many there are, lest crowded parts hide that thin ones are wide.
    """
    bins = np.round((values - limits[0]) / (limits[1] - limits[0]) * _N_BINS)
    order = np.argsort(bins, kind="stable")
    _, first, counts = np.unique(bins[order], return_index=True, return_counts=True)
    rank, count = np.arange(len(values)) - np.repeat(first, counts), np.repeat(counts, counts)
    width = np.sqrt(count / max(counts.max(), _CROWDED))
    height = np.empty(len(values))
    height[order] = width * ((rank + 0.5) / count - 0.5)
    return height


def _limits(values):
    """Ends of an axis that has zero and all values on it."""
    low, high = min(values.min(), 0.0), max(values.max(), 0.0)
    margin = 0.03 * (high - low) or 1.0
    return low - margin, high + margin


def _numbers(estimator, X):
    """Of each column its numbers, or None if it is of categories or times."""
    categorical = categorical_columns(estimator, table_names(X)[0])
    return [
        None if j in categorical or column.is_category or column.measure != "number" else column.numbers()
        for j, column in enumerate(split_table(X))
    ]


def _shades(column):
    """Values of a column from 0 to 1, NaN where they are missing."""
    seen = column[~np.isnan(column)]
    if not len(seen):
        return column
    low, high = np.quantile(seen, _COLOURED)
    low, high = (low, high) if low < high else (seen.min(), seen.max())
    return np.clip((column - low) / (high - low), 0.0, 1.0) if low < high else np.where(np.isnan(column), column, 0.5)
