"""How far a network follows the neural feature ansatz, layer by layer."""

from __future__ import annotations

import re

import numpy as np

from ..neural import neural_feature_ansatz
from ..recursion._spectral import symmetric_power
from ._matplotlib import BLUE, DARK_GRAY, LETTER_WIDTH, ORANGE, labels, new_figure, show

_MAX_PICTURES = 3
# Inches: a panel of pictures, and the width of a layer among the correlations.
_PANEL, _LAYER_WIDTH = 1.8, 0.45
_MARKERS = {
    "correlation": ("trained", "o", BLUE),
    "correlation_centered": ("trained, centred", "s", ORANGE),
    "correlation_initial": ("before training", "x", DARK_GRAY),
}


class NFADisplay:
    """Correlations of the neural feature ansatz, and pictures of both of its sides.

    For each layer with weights W the correlation of ``W^T W`` with a power of the average gradient outer product (AGOP)
    is drawn, and for up to three of the layers the two matrices beside each other. Make it by `from_module`, or from
    what `rfmlearn.neural.neural_feature_ansatz` returns.

    Parameters
    ----------
    ansatz : NeuralFeatureAnsatz
        As `rfmlearn.neural.neural_feature_ansatz` returns it.

    Attributes
    ----------
    figure_ : matplotlib Figure
        Set by `plot`.
    axes_ : dict
        Set by `plot`: "correlations", a single axes; "nfm" and "agop", arrays of shape (n_pictures,).

    Examples
    --------
    >>> import numpy as np
    >>> from rfmlearn.inspection import NFADisplay
    >>> from rfmlearn.neural import LayerAnsatz, NeuralFeatureAnsatz
    >>> layer = LayerAnsatz("first", "linear", (5, 2), np.eye(2), np.eye(2), 1.0, 0.98)
    >>> display = NFADisplay(NeuralFeatureAnsatz([layer], power=0.5, n_samples=100))
    >>> display.plot()  # doctest: +SKIP
    """

    def __init__(self, ansatz):
        self.ansatz = ansatz

    @classmethod
    def from_module(
        cls,
        module,
        X,
        *,
        initial=None,
        against="agop",
        center=False,
        power=None,
        layers=None,
        n_samples=None,
        batch_size=128,
        n_projections=None,
        random_state=None,
        fig=None,
    ):
        """Test the ansatz on a torch module, and draw it.

        Parameters
        ----------
        module : torch.nn.Module
            A trained network.
        X : tensor or array-like of shape (n, ...)
            Samples.
        initial : torch.nn.Module or None, default=None
            The same network before training.
        against : {"agop", "initial", "pre-activation tangent kernel"}, default="agop"
            What ``W^T W`` is compared with.
        center : bool, default=False
            Whether the change of the weights since before training takes their place.
        power : float or None, default=None
            Power of the other side; None stands for 1/2 of the AGOP, and for 1 else.
        layers : str, list of str or None, default=None
            Name or names of layers; None means all.
        n_samples : int or None, default=None
            Samples drawn at random; None means all.
        batch_size : int, default=128
            Samples in one pass.
        n_projections : int or None, default=None
            As in `rfmlearn.neural.neural_feature_ansatz`.
        random_state : int, RandomState instance or None, default=None
            For the samples and the projections.
        fig : matplotlib Figure or SubFigure, default=None
            To draw in; a new one if None.

        Returns
        -------
        display : NFADisplay
        """
        ansatz = neural_feature_ansatz(
            module,
            X,
            initial=initial,
            against=against,
            center=center,
            power=power,
            layers=layers,
            n_samples=n_samples,
            batch_size=batch_size,
            n_projections=n_projections,
            random_state=random_state,
        )
        return cls(ansatz).plot(fig)

    def plot(self, fig=None):
        """Draw the correlations of all layers, and the matrices of the first three.

        Parameters
        ----------
        fig : matplotlib Figure or SubFigure, default=None
            To draw in; a new one with constrained layout if None.

        Returns
        -------
        display : NFADisplay
            With `figure_` and `axes_` set.
        """
        pictured = self.ansatz.layers[:_MAX_PICTURES]
        names = labels(layer.name for layer in self.ansatz.layers)
        width = max(2.0 * _PANEL, _LAYER_WIDTH * len(names))
        panel = max([_PANEL, *(LETTER_WIDTH * len(name) for name in names[:_MAX_PICTURES])])
        if fig is None:
            size = (width + panel * len(pictured), 2.0 * _PANEL + 0.5)
            fig = new_figure(size, "NFADisplay.plot")
        grid = fig.add_gridspec(2, 1 + len(pictured), width_ratios=[width, *[panel] * len(pictured)])
        self.figure_ = fig
        self.axes_ = {"correlations": fig.add_subplot(grid[:, 0])}
        for row, side in enumerate(("nfm", "agop")):
            self.axes_[side] = np.array([fig.add_subplot(grid[row, 1 + k]) for k in range(len(pictured))])
        self._plot_correlations(names)
        left, right = map(_in_mathematics, self.ansatz.sides)
        for k, layer in enumerate(pictured):
            root = symmetric_power(layer.agop, self.ansatz.power)
            for ax, matrix in ((self.axes_["nfm"][k], layer.nfm), (self.axes_["agop"][k], root)):
                reach = np.abs(matrix).max() or 1.0
                show(ax, matrix, "RdBu_r", -reach, reach)
            self.axes_["nfm"][k].set_title(f"{names[k]}\n{left}", fontsize="x-small")
            self.axes_["agop"][k].set_title(right, fontsize="x-small")
        return self

    def _plot_correlations(self, names):
        ax, layers = self.axes_["correlations"], self.ansatz.layers
        for measure, (text, marker, color) in _MARKERS.items():
            values = [getattr(layer, measure) for layer in layers]
            if None not in values:
                ax.plot(np.arange(len(layers)), values, marker, color=color, markerfacecolor="none", label=text)
        ax.set_xticks(np.arange(len(layers)), names, rotation=45, ha="right", rotation_mode="anchor")
        lowest = np.nanmin([0.0, *(value for line in ax.lines for value in line.get_ydata())])
        ax.set(xlim=(-0.5, len(layers) - 0.5), ylim=(lowest - 0.05, 1.05))
        ax.tick_params(labelsize="x-small")
        ax.grid(axis="y", linewidth=0.5)
        ax.legend(fontsize="x-small")
        left, right = map(_in_mathematics, self.ansatz.sides)
        ax.set_title(f"correlation of {left} with {right}", fontsize="small")


def _in_mathematics(formula):
    """A formula in plain text as matplotlib draws it."""
    formula = re.sub(r"\^([\d.]+)", r"^{\1}", formula).replace("W0", "W_0").replace("AGOP", r"\mathrm{AGOP}")
    return f"${formula}$"
