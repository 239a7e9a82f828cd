"""How a recursive feature machine changed from round to round, or from layer to layer."""

from __future__ import annotations

import numpy as np

from ._learned_agop import check_learned
from ._matplotlib import BLUE, DARK_GRAY, ORANGE, new_figure

_TITLES = {
    "loss": "loss, coded targets",
    "alignment": "alignment with the metric kept",
    "effective_rank": "effective rank",
    "nc1": "NC1, variability within classes",
    "nc2": "NC2, deviation from a simplex",
}
# Of each key of the records in a panel the name in the legend, the colour, and the marker, so that lines differ without
# colour too.
_LINES: dict[str, dict[str, tuple[str | None, str, str]]] = {
    "loss": {
        "train_loss": ("training", DARK_GRAY, "o"),
        "leave_one_out_loss": ("leave-one-out", BLUE, "s"),
        "validation_loss": ("validation", ORANGE, "^"),
    },
    "alignment": {"alignment": (None, BLUE, "o")},
    "effective_rank": {"effective_rank": (None, BLUE, "o")},
    "nc1": {"nc1": ("as the layer gets them", BLUE, "o"), "nc1_mapped": ("after its map", ORANGE, "^")},
    "nc2": {"nc2": ("as the layer gets them", BLUE, "o"), "nc2_mapped": ("after its map", ORANGE, "^")},
}
_KEYS = [key for lines in _LINES.values() for key in lines]
_PANEL_WIDTH, _HEIGHT = 3.2, 2.8


class RFMPathDisplay:
    """Losses, alignment and effective rank over the rounds of feature learning, or over layers.

    Losses are mean squared errors in units of the coded targets. Alignment is the cosine of the angle between the
    metric of a round and that of the round kept, so 1 means that the features have settled. The effective rank of the
    metric M, ``(sum_k s_k)^2 / sum_k s_k^2`` with its eigenvalues s, is the number of directions that count. Layers of
    `DeepRFMClassifier` have the measures NC1 and NC2 of neural collapse besides; see there.

    Parameters
    ----------
    history : list of dict
        A record of each round, with ``n_iter``, or of each layer, with ``layer``, which increases; and some of
        ``train_loss``, ``leave_one_out_loss``, ``validation_loss``, ``alignment``, ``effective_rank``, ``nc1``,
        ``nc1_mapped``, ``nc2`` and ``nc2_mapped``.
    kept : int or None, default=None
        Round or layer that was kept, which is marked.

    Attributes
    ----------
    counter : {"n_iter", "layer"}
        What the records are of.
    figure_ : matplotlib Figure
        Set by `plot`.
    axes_ : dict
        Set by `plot`: of "loss", "alignment", "effective_rank", "nc1" and "nc2" those of which the history has values.

    Notes
    -----
    Training and leave-one-out losses are optimistic once features are learned, since the features have seen the
    labels: only a validation set tells which round is best.

    Examples
    --------
    >>> from rfmlearn.inspection import RFMPathDisplay
    >>> history = [{"n_iter": 0, "train_loss": 0.3}, {"n_iter": 1, "train_loss": 0.2}]
    >>> display = RFMPathDisplay(history, kept=1)
    >>> display.values("train_loss")
    array([0.3, 0.2])
    >>> display.plot()  # doctest: +SKIP
    """

    def __init__(self, history, *, kept=None):
        self.history = history
        self.kept = kept
        self.counter = "n_iter" if all("n_iter" in record for record in history) else "layer"
        if not self._panels() or not all(self.counter in record for record in history):
            keys = sorted({key for record in history for key in record})
            raise ValueError(
                f"history must be records with n_iter or layer and some of {', '.join(_KEYS)}, got {len(history)} "
                f"records with {', '.join(keys) or 'nothing'}."
            )
        numbers = [record[self.counter] for record in history]
        if any(np.diff(numbers) <= 0):
            raise ValueError(f"history must have records of increasing {self.counter}, got {numbers}: pass one layer.")

    @classmethod
    def from_estimator(cls, estimator, *, fig=None):
        """Draw the rounds of a fitted estimator.

        Parameters
        ----------
        estimator : RFMRegressor, RFMClassifier, DeepRFMRegressor, DeepRFMClassifier or ConvRFMClassifier
            Fitted. The last with one layer only.
        fig : matplotlib Figure or SubFigure, default=None
            To draw in; a new one if None.

        Returns
        -------
        display : RFMPathDisplay

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        TypeError
            If it has no `history_`.
        ValueError
            If its records are not those of rounds, or of layers.
        """
        check_learned(estimator, ["history_"], "as RFMRegressor and RFMClassifier")
        kept = getattr(estimator, "best_layer_", getattr(estimator, "best_iter_", None))
        return cls(estimator.history_, kept=kept).plot(fig=fig)

    def values(self, name):
        """One quantity over the rounds or layers, NaN where it was not recorded.

        Parameters
        ----------
        name : str
            Key of the records.

        Returns
        -------
        ndarray of shape (n_records,)
        """
        found = [record.get(name) for record in self.history]
        return np.array([np.nan if value is None else value for value in found], dtype=np.float64)

    def _panels(self):
        """Of each panel with values, the keys that have some."""
        has = {key: np.isfinite(self.values(key)).any() for key in _KEYS}
        found = {panel: [key for key in lines if has[key]] for panel, lines in _LINES.items()}
        return {panel: keys for panel, keys in found.items() if keys}

    def plot(self, *, fig=None):
        """Draw a panel for the losses, and one for each other quantity that was recorded.

        Parameters
        ----------
        fig : matplotlib Figure or SubFigure, default=None
            To draw in; a new one with constrained layout if None.

        Returns
        -------
        display : RFMPathDisplay
            With `figure_` and `axes_` set.
        """
        panels = self._panels()
        if fig is None:
            fig = new_figure(self.figure_size(), "RFMPathDisplay.plot")
        self.figure_ = fig
        self.axes_ = dict(zip(panels, np.atleast_1d(fig.subplots(1, len(panels))), strict=True))
        for panel, ax in self.axes_.items():
            for key in panels[panel]:
                text, color, marker = _LINES[panel][key]
                values = self.values(key)
                ax.plot(self.values(self.counter), values, color=color, marker=marker, markersize=4, label=text)
            ax.set_title(_TITLES[panel], fontsize="small")
            self._finish(ax)
        for k, ax in enumerate(self.axes_.values()):
            _, names = ax.get_legend_handles_labels()
            # The line of what was kept is explained once.
            if names and (k == 0 or len(names) > 1 + (self.kept is not None)):
                ax.legend(fontsize="x-small")
        return self

    def _finish(self, ax):
        """Axes from zero, with whole rounds or layers, and the one kept."""
        noun = "round" if self.counter == "n_iter" else "layer"
        if self.kept is not None:
            ax.axvline(self.kept, color=DARK_GRAY, linestyle=":", linewidth=1.2, zorder=0, label=f"{noun} kept")
        ax.set_ylim(0.0, 1.08 * max(ax.dataLim.ymax, 1e-12))
        numbers = [record[self.counter] for record in self.history]
        ax.set_xlim(numbers[0] - 0.4, numbers[-1] + 0.4)
        ax.set_xticks(numbers[:: 1 + len(numbers) // 10])
        ax.set_xlabel(noun, fontsize="small")
        ax.tick_params(labelsize="x-small")

    def figure_size(self):
        """Width and height in inches that suit what is drawn.

        Returns
        -------
        tuple of float
        """
        return _PANEL_WIDTH * len(self._panels()), _HEIGHT
