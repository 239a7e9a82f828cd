"""How a recursive feature machine changed from round to round."""

from __future__ import annotations

import numpy as np
from sklearn.utils.validation import check_is_fitted

from ._matplotlib import BLUE, DARK_GRAY, ORANGE, new_figure

# Key of the record, name in the legend, colour, and marker, so that lines differ without colour too.
_LOSSES = {
    "train_loss": ("training", DARK_GRAY, "o"),
    "leave_one_out_loss": ("leave-one-out", BLUE, "s"),
    "validation_loss": ("validation", ORANGE, "^"),
}
_OTHERS = {
    "alignment": "alignment with the metric kept",
    "effective_rank": "effective rank",
}
_PANEL_WIDTH, _HEIGHT = 3.2, 2.8


class RFMPathDisplay:
    """Losses, alignment and effective rank over the rounds of feature learning.

    Losses are mean squared errors in units of the coded targets. Alignment is the cosine of the angle between the
    metric of a round and that of the round kept, so 1 means that the features have settled. The effective rank of the
    metric M, ``(sum_k s_k)^2 / sum_k s_k^2`` with its eigenvalues s, is the number of directions that count.

    Parameters
    ----------
    history : list of dict
        A record of each round: ``n_iter``, and some of ``train_loss``, ``leave_one_out_loss``, ``validation_loss``,
        ``alignment`` and ``effective_rank``.
    kept : int or None, default=None
        Round that was kept, which is marked.

    Attributes
    ----------
    figure_ : matplotlib Figure
        Set by `plot`.
    axes_ : dict
        Set by `plot`: of "loss", "alignment" and "effective_rank" those of which the history has values.

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
        known = [name for name in (*_LOSSES, *_OTHERS) if self._has(name)]
        if not known or not all("n_iter" in record for record in history):
            keys = sorted({key for record in history for key in record})
            raise ValueError(
                f"history must be records of rounds with n_iter and some of {', '.join((*_LOSSES, *_OTHERS))}, got "
                f"{len(history)} records with {', '.join(keys) or 'nothing'}."
            )

    @classmethod
    def from_estimator(cls, estimator, *, fig=None):
        """Draw the rounds of a fitted estimator.

        Parameters
        ----------
        estimator : RFMRegressor, RFMClassifier or other with `history_`
            Fitted.
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
            If it has no `history_` of rounds.
        """
        check_is_fitted(estimator)
        if not hasattr(estimator, "history_"):
            raise TypeError(
                f"estimator must have a history_ of rounds, as RFMRegressor and RFMClassifier have, but "
                f"{type(estimator).__name__} has none."
            )
        return cls(estimator.history_, kept=getattr(estimator, "n_iter_", None)).plot(fig=fig)

    def values(self, name):
        """One quantity over the rounds, NaN where it was not recorded.

        Parameters
        ----------
        name : str
            Key of the records.

        Returns
        -------
        ndarray of shape (n_rounds,)
        """
        found = [record.get(name) for record in self.history]
        return np.array([np.nan if value is None else value for value in found], dtype=np.float64)

    def _has(self, name):
        return np.isfinite(self.values(name)).any()

    def plot(self, *, fig=None):
        """Draw a panel for the losses, one for the alignment and one for the effective rank.

        Parameters
        ----------
        fig : matplotlib Figure or SubFigure, default=None
            To draw in; a new one with constrained layout if None.

        Returns
        -------
        display : RFMPathDisplay
            With `figure_` and `axes_` set.
        """
        losses = [name for name in _LOSSES if self._has(name)]
        panels = (["loss"] if losses else []) + [name for name in _OTHERS if self._has(name)]
        if fig is None:
            fig = new_figure(self.figure_size(), "RFMPathDisplay.plot")
        self.figure_ = fig
        self.axes_ = dict(zip(panels, np.atleast_1d(fig.subplots(1, len(panels))), strict=True))
        rounds = self.values("n_iter")
        for panel, ax in self.axes_.items():
            if panel == "loss":
                for name in losses:
                    text, color, marker = _LOSSES[name]
                    ax.plot(rounds, self.values(name), color=color, marker=marker, markersize=4, label=text)
                ax.set_title("loss, coded targets", fontsize="small")
            else:
                ax.plot(rounds, self.values(panel), color=BLUE, marker="o", markersize=4)
                ax.set_title(_OTHERS[panel], fontsize="small")
            self._finish(ax)
        first, *_ = self.axes_.values()
        if first.get_legend_handles_labels()[0]:
            first.legend(fontsize="x-small")
        return self

    def _finish(self, ax):
        """Axes from zero, with whole rounds, and the round kept."""
        if self.kept is not None:
            ax.axvline(self.kept, color=DARK_GRAY, linestyle=":", linewidth=1.2, zorder=0, label="round kept")
        ax.set_ylim(0.0, 1.08 * max(ax.dataLim.ymax, 1e-12))
        rounds = [record["n_iter"] for record in self.history]
        ax.set_xlim(rounds[0] - 0.4, rounds[-1] + 0.4)
        ax.set_xticks(rounds[:: 1 + len(rounds) // 10])
        ax.set_xlabel("round", fontsize="small")
        ax.tick_params(labelsize="x-small")

    def figure_size(self):
        """Width and height in inches that suit what is drawn.

        Returns
        -------
        tuple of float
        """
        n_panels = any(self._has(name) for name in _LOSSES) + sum(self._has(name) for name in _OTHERS)
        return _PANEL_WIDTH * n_panels, _HEIGHT
