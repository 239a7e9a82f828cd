"""How the layers of a network changed while it was trained."""

from __future__ import annotations

from itertools import cycle

import numpy as np

from ..neural import TrainingRecorder
from ._matplotlib import DARK_GRAY, labels, new_figure

_TITLES = {
    "loss": "loss",
    "weight_change": r"$|W - W_0|\ /\ |W|$",
    "nfa": r"NFA: $W^TW$ with $W^TKW$",
    "nfa_centered": r"centred NFA: with $W - W_0$ for $W$",
    "target_linearity": "target linearity of inputs",
    "virtual_covariance": r"$W^TW$ with virtual covariance $V$",
    "virtual_change": r"change of $W^TW$ with sum of $V$",
}
# What is compared has one scale.
_CORRELATIONS = ("nfa", "nfa_centered", "virtual_covariance", "virtual_change")
_MARKERS = "os^vDP*X"
_PANEL_WIDTH, _HEIGHT, _COLUMNS = 3.2, 2.6, 4
_MOST_MARKERS = 12


class TrainingDisplay:
    """What a `rfmlearn.neural.TrainingRecorder` has seen: a panel for each measure, a line for each layer.

    Layers go from dark to light in the order of the network, and have markers besides.

    Parameters
    ----------
    history : list of dict
        Records of the recorder, or ``frame.to_dict("records")`` of its table: ``step``, ``layer``, and some of
        ``loss``, ``weight_change``, ``nfa``, ``nfa_centered``, ``target_linearity``, ``virtual_covariance`` and
        ``virtual_change``.

    Attributes
    ----------
    layers : list of str
        Names of the layers, in the order of their records.
    measures : list of str
        What is drawn.
    figure_ : matplotlib Figure
        Set by `plot`.
    axes_ : dict
        Set by `plot`: axes by names of measures.

    Examples
    --------
    >>> from rfmlearn.inspection import TrainingDisplay
    >>> history = [{"step": step, "layer": "0", "loss": 1 / (1 + step), "nfa": 0.5} for step in range(3)]
    >>> display = TrainingDisplay(history)
    >>> display.values("loss", "0")
    array([1.        , 0.5       , 0.33333333])
    >>> display.plot()  # doctest: +SKIP
    """

    def __init__(self, history):
        self.history = list(history)
        if any("step" not in record or "layer" not in record for record in self.history):
            raise ValueError("history must be records of a TrainingRecorder, with step and layer.")
        self.layers = list(dict.fromkeys(record["layer"] for record in self.history))
        self.measures = [name for name in _TITLES if self._has(name)]
        if not self.measures:
            found = sorted({key for record in self.history for key in record})
            raise ValueError(
                f"history must be records with some of {', '.join(_TITLES)}, got {len(self.history)} records with "
                f"{', '.join(found) or 'nothing'}: call the recorder while the network is trained."
            )

    @classmethod
    def from_recorder(cls, recorder, *, measures=None, xscale="linear", fig=None):
        """Draw what a recorder has seen.

        Parameters
        ----------
        recorder : TrainingRecorder
            After training.
        measures : str, list of str or None, default=None
            Keys of its records to draw; None means all.
        xscale : {"linear", "log"}, default="linear"
            Of steps; "log" shows the first ones.
        fig : matplotlib Figure or SubFigure, default=None
            To draw in; a new one if None.

        Returns
        -------
        display : TrainingDisplay

        Raises
        ------
        TypeError
            If it is no recorder.
        ValueError
            If it has no records, or none of such measures.
        """
        if not isinstance(recorder, TrainingRecorder):
            raise TypeError(f"recorder must be a rfmlearn.neural.TrainingRecorder, got a {type(recorder).__name__}.")
        return cls(recorder.history).plot(measures=measures, xscale=xscale, fig=fig)

    def steps(self, layer):
        """Steps at which a layer was recorded.

        Parameters
        ----------
        layer : str
            Its name.

        Returns
        -------
        ndarray of shape (n_records,)
        """
        return np.array([record["step"] for record in self.history if record["layer"] == layer])

    def values(self, measure, layer):
        """One quantity over the steps, NaN where it was not recorded.

        Parameters
        ----------
        measure : str
            Key of the records.
        layer : str
            Name of the layer.

        Returns
        -------
        ndarray of shape (n_records,)
        """
        found = [record.get(measure) for record in self.history if record["layer"] == layer]
        return np.array([np.nan if value is None else value for value in found], dtype=np.float64)

    def _has(self, measure):
        return any(np.isfinite(self.values(measure, layer)).any() for layer in self.layers)

    def plot(self, *, measures=None, xscale="linear", fig=None):
        """Draw a panel for each measure.

        Parameters
        ----------
        measures : str, list of str or None, default=None
            Which, in this order; None means all that were recorded.
        xscale : {"linear", "log"}, default="linear"
            Of steps; "log" shows the first ones.
        fig : matplotlib Figure or SubFigure, default=None
            To draw in; a new one with constrained layout if None.

        Returns
        -------
        display : TrainingDisplay
            With `figure_` and `axes_` set.
        """
        drawn = self._checked_measures(measures)
        if xscale not in ("linear", "log"):
            raise ValueError(f"xscale must be 'linear' or 'log', got {xscale!r}.")
        n_rows = -(-len(drawn) // _COLUMNS)
        n_columns = -(-len(drawn) // n_rows)
        if fig is None:
            fig = new_figure((_PANEL_WIDTH * n_columns, _HEIGHT * n_rows + 0.3), "TrainingDisplay.plot")
        self.figure_ = fig
        grid = fig.add_gridspec(n_rows, n_columns)
        self.axes_ = {name: fig.add_subplot(grid[divmod(k, n_columns)]) for k, name in enumerate(drawn)}
        for name, ax in self.axes_.items():
            self._plot_measure(ax, name)
            self._finish(ax, name, xscale)
        with_layers = [ax for name, ax in self.axes_.items() if name != "loss"]
        if with_layers and len(self.layers) > 1:
            with_layers[0].legend(title="layer", title_fontsize="x-small", fontsize="x-small")
        return self

    def _checked_measures(self, measures):
        names = [measures] if isinstance(measures, str) else self.measures if measures is None else list(measures)
        missing = [name for name in names if name not in self.measures]
        if missing or not names:
            what = repr(missing[0]) if missing else "none"
            raise ValueError(f"measures must be some of those recorded, {', '.join(self.measures)}, got {what}.")
        return names

    def _plot_measure(self, ax, name):
        """One line for each layer; a single one for the loss, which all have in common."""
        if name == "loss":
            ax.plot(self.steps(self.layers[0]), self.values(name, self.layers[0]), color=DARK_GRAY)
            return
        import matplotlib as mpl

        shades = mpl.colormaps["viridis"](np.linspace(0.0, 0.85, len(self.layers)))
        for layer, text, color, marker in zip(self.layers, labels(self.layers), shades, cycle(_MARKERS), strict=False):
            steps = self.steps(layer)
            every = max(len(steps) // _MOST_MARKERS, 1)
            line = {"color": color, "marker": marker, "markersize": 4, "markevery": every}
            ax.plot(steps, self.values(name, layer), label=text, **line)

    def _finish(self, ax, name, xscale):
        """Scales, titles and a grid."""
        ax.set_title(_TITLES[name], fontsize="small")
        ax.set_xlabel("step", fontsize="small")
        ax.tick_params(labelsize="x-small")
        ax.grid(axis="y", linewidth=0.5)
        if xscale == "log":
            steps = np.unique([record["step"] for record in self.history])
            # Step 0 has its place too, left of the first one.
            ax.set_xscale("symlog", linthresh=max(steps[steps > 0].min(initial=np.iinfo(int).max), 1))
            ax.set_xlim(steps[0], max(steps[-1], 1))
        lowest = min(ax.dataLim.ymin, 0.0) if np.isfinite(ax.dataLim.ymin) else 0.0
        if name in _CORRELATIONS:
            ax.set_ylim(lowest - 0.03 if lowest < 0 else 0.0, 1.03)
        elif name in ("target_linearity", "weight_change"):
            ax.set_ylim(0.0, 1.03 * max(1.0, ax.dataLim.ymax))
        else:
            ax.set_ylim(lowest, 1.08 * ax.dataLim.ymax if ax.dataLim.ymax > 0 else None)
