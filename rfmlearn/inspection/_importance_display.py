"""Which columns matter more than noise does."""

from __future__ import annotations

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.utils import check_consistent_length, check_random_state

from .._sklearn_compat import check_weights
from ..tables._frames import check_table
from ._learned_agop import check_count, check_learned
from ._matplotlib import BLUE, DARK_GRAY, LIGHT_GRAY, ORANGE, labels, new_figure, require_matplotlib
from ._shuffled_copies import beside_copies, categorical_mask, column_names

_QUANTILE = 0.95
_WIDTH, _BAR_HEIGHT, _AROUND = 7.8, 0.24, 0.9
# In units of the power of ten below the largest importance.
_TICKS = (0.0, 0.1, 0.5, 1.0, 2.0, 4.0, 6.0, 8.0)


class FeatureImportanceDisplay:
    """Importances of columns beside those of shuffled copies, which say how large importances are without a cause.

    The importance of a column that does not matter is small, not zero. To see what small means, the estimator is
    fitted to the table with a shuffled copy of every column beside it. A copy has the values of its column but nothing
    to do with the target, so what importance it gets is noise. A column is above the noise if its mean importance
    over the repeats exceeds both the largest that its own copy got (the floor of the column: some columns, such as
    those with many categories, attract more noise) and the 95 % quantile over the copies of all columns (the
    threshold). Of columns alike that do not matter, about one in twenty exceeds the threshold by chance, and somewhat
    more where columns are few. The floor alone would let more pass, as a column beats the largest of r copies like it
    by chance in 1 / (r + 1) of cases.

    Parameters
    ----------
    importances : ndarray of shape (n_repeats, n_columns)
        Of the columns, in fits with their copies: shares of a total to which copies belong too.
    noise : ndarray of shape (n_repeats, n_columns)
        Of the shuffled copies in the same fits.
    names : list of str
        Names of the columns.

    Attributes
    ----------
    floor : ndarray of shape (n_columns,)
        Largest importance that the copies of each column got.
    threshold : float
        95 % quantile of `noise`.
    above_noise : ndarray of bool of shape (n_columns,)
        Whether the mean importance exceeds both.
    figure_, ax_ : matplotlib Figure and Axes
        Set by `plot`.

    References
    ----------
    Kursa, Rudnicki, Feature selection with the Boruta package, Journal of Statistical Software 36, 2010.

    Examples
    --------
    >>> import numpy as np
    >>> from rfmlearn.inspection import FeatureImportanceDisplay
    >>> importances = np.array([[0.7, 0.1], [0.6, 0.1]])
    >>> noise = np.array([[0.1, 0.1], [0.1, 0.2]])
    >>> display = FeatureImportanceDisplay(importances, noise, ["age", "shoe size"])
    >>> display.floor
    array([0.1, 0.2])
    >>> display.above_noise
    array([ True, False])
    >>> display.plot()  # doctest: +SKIP
    """

    def __init__(self, importances, noise, names):
        self.importances = importances
        self.noise = noise
        self.names = names
        if importances.shape != noise.shape or importances.shape[1:] != (len(names),):
            raise ValueError(
                "importances and noise must both have shape (n_repeats, n_columns) with a name for each column, got "
                f"{importances.shape}, {noise.shape} and {len(names)} names."
            )

    @property
    def floor(self):
        """Largest importance that the copies of each column got."""
        return self.noise.max(axis=0)

    @property
    def threshold(self):
        """95 % quantile of the importances of all copies."""
        return float(np.quantile(self.noise, _QUANTILE))

    @property
    def above_noise(self):
        """Whether the mean importance of a column exceeds its floor and the threshold."""
        return self.importances.mean(axis=0) > np.maximum(self.floor, self.threshold)

    @classmethod
    def from_estimator(
        cls, estimator, X, y, *, n_repeats=5, max_features=20, random_state=None, sample_weight=None, ax=None
    ):
        """Fit clones of an estimator to columns and shuffled copies, and draw their importances.

        Parameters
        ----------
        estimator : estimator with `feature_importances_`
            Fitted. It is cloned, and stays as it is.
        X : array-like or DataFrame of shape (n_samples, n_features)
            Table to fit to: an array, or a DataFrame of pandas or polars.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets.
        n_repeats : int, default=5
            How often columns are shuffled and a clone is fitted, each to twice the columns.
        max_features : int, default=20
            Columns drawn, those of the largest mean importance.
        random_state : int, RandomState instance or None, default=None
            Shuffles.
        sample_weight : array-like of shape (n_samples,), default=None
            Handed to `fit`. Rows of weight zero are not mixed with the others.
        ax : matplotlib Axes, default=None
            To draw in; that of a new figure if None.

        Returns
        -------
        display : FeatureImportanceDisplay

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        TypeError
            If it has no `feature_importances_`.
        ValueError
            If a number is below 1, or X and y do not fit together.
        ImportError
            Without matplotlib, before anything is fitted.
        """
        check_count("n_repeats", n_repeats)
        check_count("max_features", max_features)
        check_learned(estimator, ["feature_importances_"], "as the estimators of tables in rfmlearn and trees")
        require_matplotlib("FeatureImportanceDisplay.plot")
        X = check_table(X)
        check_consistent_length(X, y, sample_weight)
        weighted = {} if sample_weight is None else {"sample_weight": check_weights(sample_weight, X)}
        rows = np.arange(len(X)) if sample_weight is None else np.flatnonzero(weighted["sample_weight"] > 0)

        copy = clone(estimator)
        if "categorical_features" in copy.get_params():
            mask = categorical_mask(X, copy.get_params()["categorical_features"])
            copy.set_params(categorical_features=np.tile(mask, 2))
        start = copy.get_params().get("feature_matrix_init")
        if start is not None and not hasattr(start, "get_params"):
            copy.set_params(feature_matrix_init=_NamedMatrix(_square(start), estimator.coordinate_names_))
        rng = check_random_state(random_state)
        found = [
            clone(copy).fit(beside_copies(X, rows, rng), y, **weighted).feature_importances_ for _ in range(n_repeats)
        ]
        importances, noise = np.split(np.array(found), 2, axis=1)
        return cls(importances, noise, column_names(X)).plot(max_features=max_features, ax=ax)

    def plot(self, *, max_features=20, ax=None):
        """Draw mean importances as bars, with the range over repeats and the floor of each column.

        Parameters
        ----------
        max_features : int, default=20
            Columns drawn, those of the largest mean importance.
        ax : matplotlib Axes, default=None
            To draw in; that of a new figure with constrained layout if None.

        Returns
        -------
        display : FeatureImportanceDisplay
            With `figure_` and `ax_` set.
        """
        check_count("max_features", max_features)
        mean = self.importances.mean(axis=0)
        shown = np.argsort(-mean, kind="stable")[:max_features]
        if ax is None:
            size = (_WIDTH, _BAR_HEIGHT * max(len(shown), 6) + _AROUND)
            ax = new_figure(size, "FeatureImportanceDisplay.plot").add_subplot()
        self.figure_, self.ax_ = ax.figure, ax

        above, place = self.above_noise[shown], np.arange(len(shown))
        for color, part, name in ((BLUE, above, "above the noise"), (LIGHT_GRAY, ~above, "not above it")):
            if part.any():
                ax.barh(place[part], mean[shown][part], color=color, label=name)
        spread = np.abs(np.stack([f(self.importances, axis=0) for f in (np.min, np.max)]) - mean)[:, shown]
        ax.errorbar(mean[shown], place, xerr=spread, fmt="none", ecolor=DARK_GRAY, elinewidth=1.0)
        ax.plot(
            self.floor[shown], place, "|", color=ORANGE, markersize=9, markeredgewidth=2, label="largest of its copies"
        )
        ax.axvline(self.threshold, color=ORANGE, linestyle="--", linewidth=1.0, label="95 % of all copies")
        names = labels(self.names)
        ax.set_yticks(place, [names[j] for j in shown], fontsize="small")
        # The root scale shows noise beside importances a hundred times larger, and has a zero, as bars need.
        ax.set_xscale("function", functions=(lambda x: np.sqrt(np.maximum(x, 0.0)), np.square))
        largest = max(self.importances[:, shown].max(), self.floor[shown].max(), self.threshold)
        largest = largest if largest > 0 else 1.0
        ax.set(xlim=(0.0, 1.08 * largest), ylim=(len(shown) - 0.4, -0.6))
        ticks = [tick for tick in 10.0 ** np.floor(np.log10(largest)) * np.array(_TICKS) if tick <= 1.08 * largest]
        ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks], fontsize="small")
        ax.set_xlabel("importance, share of columns and copies, root scale", fontsize="small")
        drawn = f", {len(shown)} drawn" if len(shown) < len(self.names) else ""
        ax.set_title(f"{self.above_noise.sum()} of {len(self.names)} columns above the noise{drawn}", fontsize="medium")
        ax.legend(fontsize="small", loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)
        return self


class _NamedMatrix(BaseEstimator):
    """A matrix to start from that has names, as that of a fitted estimator: those of copies are not among them."""

    def __init__(self, feature_matrix_, coordinate_names_):
        self.feature_matrix_ = feature_matrix_
        self.coordinate_names_ = coordinate_names_


def _square(matrix):
    """A matrix that may be given by its diagonal."""
    return np.diag(matrix) if np.ndim(matrix) == 1 else np.asarray(matrix)
