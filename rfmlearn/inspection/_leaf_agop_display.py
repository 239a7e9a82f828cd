"""How what matters differs across the input: importances of columns in each leaf of a large model."""

from __future__ import annotations

import numpy as np
from sklearn.utils.validation import check_is_fitted

from ..large._leaf_agops import leaf_agops
from ..tables._encoder import column_shares
from ._leaf_paths import leaf_paths
from ._learned_agop import check_count
from ._matplotlib import labels, new_figure

_CELL_WIDTH, _CELL_HEIGHT = 0.34, 0.2
# Inches of a letter of a leaf's text; the longest that is drawn; around the cells: names of columns, title, colour bar.
_LETTER, _LONGEST, _ABOVE, _BAR = 0.068, 90, 1.7, 1.1


class LeafAGOPDisplay:
    """Importances of columns in each leaf of a model of many rows, as a heat map.

    A model of many rows is divided among leaves, where machines of their own help. Over the rows of each leaf the AGOP
    of the whole fitted function is averaged, and its diagonal summed over what belongs to a column: where in the table
    a column matters. The leaves are those of the first tree.

    Parameters
    ----------
    shares : ndarray of shape (n_leaves, n_columns)
        Of the columns in what matters in each leaf; rows sum to one.
    paths : list of str
        What the rows of each leaf have in common.
    n_rows : ndarray of shape (n_leaves,)
        Training rows of each leaf.
    names : list of str
        Names of the columns.

    Attributes
    ----------
    figure_, ax_ : matplotlib Figure and Axes
        Set by `plot`.

    Examples
    --------
    >>> import numpy as np
    >>> from rfmlearn import RFMRegressor
    >>> from rfmlearn.inspection import LeafAGOPDisplay
    >>> shares = np.array([[0.9, 0.1], [0.2, 0.8]])
    >>> display = LeafAGOPDisplay(shares, ["age ≤ 40", "age > 40"], np.array([500, 700]), ["age", "height"])
    >>> display.average
    array([0.49166667, 0.50833333])
    >>> display.plot()  # doctest: +SKIP
    """

    def __init__(self, shares, paths, n_rows, names):
        self.shares = shares
        self.paths = paths
        self.n_rows = n_rows
        self.names = names
        if shares.shape != (len(paths), len(names)) or len(n_rows) != len(paths):
            raise ValueError(
                "shares must have a row for each leaf and a column for each name, got shape "
                f"{shares.shape}, {len(paths)} paths, {len(n_rows)} numbers of rows and {len(names)} names."
            )

    @property
    def average(self):
        """Average share of each column over the rows of all leaves."""
        return self.n_rows @ self.shares / np.sum(self.n_rows)

    @classmethod
    def from_estimator(cls, estimator, *, max_features=20, max_leaves=30, ax=None):
        """Draw the importances in the leaves of a fitted estimator.

        Parameters
        ----------
        estimator : RFMRegressor, RFMClassifier, RFMRegressorCV or RFMClassifierCV
            Fitted to so many rows that it has leaves. Of an ensemble the machine of largest weight is taken.
        max_features : int, default=20
            Columns drawn, those that matter most on average.
        max_leaves : int, default=30
            Leaves drawn, those of most rows.
        ax : matplotlib Axes, default=None
            To draw in; that of a new figure if None.

        Returns
        -------
        display : LeafAGOPDisplay

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        TypeError
            If it is none of rfmlearn for tables.
        ValueError
            If it has no leaves, or a number is below 1.
        """
        check_count("max_features", max_features)
        check_count("max_leaves", max_leaves)
        check_is_fitted(estimator)
        found, encoder = _leaves_and_encoder(estimator)
        if found is None:
            raise ValueError(
                f"this {type(estimator).__name__} has no leaves: only models of more rows than one machine takes have. "
                "AGOPDisplay shows the AGOP over all rows."
            )
        columns, n_columns = encoder.coordinate_columns_, len(encoder.column_names)
        shares = np.array([column_shares(diagonal, columns, n_columns) for diagonal in found.array])
        display = cls(shares, leaf_paths(found.part.tree, encoder), np.diff(found.part.starts), encoder.column_names)
        return display.plot(max_features=max_features, max_leaves=max_leaves, ax=ax)

    def plot(self, *, max_features=20, max_leaves=30, ax=None):
        """Draw the shares, columns in the order of their average, leaves so that neighbours are alike.

        Parameters
        ----------
        max_features : int, default=20
            Columns drawn, those that matter most on average.
        max_leaves : int, default=30
            Leaves drawn, those of most rows.
        ax : matplotlib Axes, default=None
            To draw in; that of a new figure with constrained layout if None.

        Returns
        -------
        display : LeafAGOPDisplay
            With `figure_` and `ax_` set.
        """
        check_count("max_features", max_features)
        check_count("max_leaves", max_leaves)
        columns = np.argsort(-self.average, kind="stable")[:max_features]
        largest = np.argsort(-self.n_rows, kind="stable")[:max_leaves]
        # By the column that matters most, and by how much: leaves that are alike come together.
        first = self.shares[np.ix_(largest, columns)]
        leaves = largest[np.lexsort((-first.max(axis=1), first.argmax(axis=1)))]
        part = self.shares[np.ix_(leaves, columns)]
        texts = [_cut(f"{self.paths[leaf]}  ({self.n_rows[leaf]} rows)") for leaf in leaves]
        if ax is None:
            width = _CELL_WIDTH * max(len(columns), 6) + _LETTER * max(map(len, texts)) + _BAR
            ax = new_figure((width, _CELL_HEIGHT * max(len(leaves), 6) + _ABOVE), "LeafAGOPDisplay.plot").add_subplot()
        self.figure_, self.ax_ = ax.figure, ax
        image = ax.imshow(
            part, cmap="viridis", vmin=0.0, vmax=part.max() or 1.0, interpolation="nearest", aspect="auto"
        )
        names = labels(self.names)
        ax.set_xticks(np.arange(len(columns)), [names[j] for j in columns], fontsize="x-small", rotation=90)
        ax.set_yticks(np.arange(len(leaves)), [text.replace("$", r"\$") for text in texts], fontsize="x-small")
        ax.tick_params(length=0)
        bar = self.figure_.colorbar(image, ax=ax, shrink=0.6)
        bar.set_label("share in the leaf", fontsize="x-small")
        bar.ax.tick_params(labelsize="x-small")
        cut = f", {len(columns)} of {len(self.names)} columns" if len(columns) < len(self.names) else ""
        of_all = f" of {len(self.paths)}" if len(leaves) < len(self.paths) else ""
        ax.set_title(f"what matters in {len(leaves)}{of_all} leaves{cut}", fontsize="medium")
        return self


def _leaves_and_encoder(estimator):
    """AGOPs of the leaves, None if there are none, and the encoder of the table."""
    if hasattr(estimator, "members_"):
        group = max(estimator.members_, key=lambda member: member.weight)
        machine = max(group.machines, key=lambda member: member.weight).machine
        return leaf_agops(machine), group.encoder
    if not hasattr(estimator, "_leaf_agops"):
        raise TypeError(
            "estimator must be one of RFMRegressor, RFMClassifier, RFMRegressorCV and RFMClassifierCV, got "
            f"{type(estimator).__name__}."
        )
    return estimator._leaf_agops, estimator._encoder


def _cut(text):
    """A text on one line, without its beginning if it is long: later splits say more of a leaf."""
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST else f"…{text[1 - _LONGEST :]}"
