"""What the neural feature ansatz amounts to, for a layer and for a network."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

TANGENT_KERNEL = "pre-activation tangent kernel"
AGAINST = ("agop", "initial", TANGENT_KERNEL)
_MEASURES = ("correlation", "correlation_centered", "correlation_initial", "correlation_change", "nfm_kept")


@dataclass(frozen=True, eq=False)
class LayerAnsatz:
    """The neural feature ansatz at one weight matrix W.

    Correlations are Pearson's, of all entries of two matrices; NaN where one of them is constant up to rounding.

    Parameters
    ----------
    name : str
        Path of the layer in the module, and the role of the matrix where there are several.
    kind : str
        "linear", "conv2d" (or "conv1d", "conv3d"), "attention query", "attention key", "attention value" or
        "recurrent".
    shape : tuple of int
        Shape of W, (n_out, n_in).
    nfm : ndarray of shape (n_in, n_in)
        Neural feature matrix ``W^T W``; ``(W - W0)^T (W - W0)`` of the centred ansatz.
    agop : ndarray of shape (n_in, n_in)
        What it is compared with, before a power is taken. As a rule the average gradient outer product (AGOP) with
        respect to what W multiplies; ``W^T K W``, which is the same, or ``(W - W0)^T K (W - W0)`` of the centred
        ansatz, against the tangent kernel; ``W0^T W0`` against the initial weights.
    correlation : float
        Of the neural feature matrix with the power of the other side.
    correlation_centered : float or None
        The same, with the gradients' means over samples subtracted, for every output and position. None where the other
        side has no gradients.
    correlation_initial : float or None, default=None
        The same as `correlation` before training, with the weights and the gradients of then.
    correlation_change : float or None, default=None
        Of ``(W - W0)^T (W - W0)`` with the power of the other side, where W0 was W before training; against the tangent
        kernel the other side has W - W0 for W too.
    nfm_kept : float or None, default=None
        Of ``W^T W`` with that before training.
    tangent_kernel : ndarray of shape (n_out, n_out) or None, default=None
        K, the feature covariance of the pre-activation tangent kernel: the average outer product of gradients with
        respect to ``W h``. Only where it was asked for.

    Examples
    --------
    >>> import numpy as np
    >>> from rfmlearn.neural import LayerAnsatz
    >>> LayerAnsatz("first", "linear", (5, 2), np.eye(2), np.eye(2), correlation=1.0, correlation_centered=0.98)
    LayerAnsatz(name='first', kind='linear', shape=(5, 2), correlation=1.0, correlation_centered=0.98, ...)
    """

    name: str
    kind: str
    shape: tuple[int, int]
    nfm: np.ndarray = field(repr=False)
    agop: np.ndarray = field(repr=False)
    correlation: float
    correlation_centered: float | None
    correlation_initial: float | None = None
    correlation_change: float | None = None
    nfm_kept: float | None = None
    tangent_kernel: np.ndarray | None = field(default=None, repr=False)


@dataclass(frozen=True, eq=False, repr=False)
class NeuralFeatureAnsatz:
    """The neural feature ansatz of all layers of a module; what `neural_feature_ansatz` returns.

    It prints as a table.

    Parameters
    ----------
    layers : list of LayerAnsatz
        In the order of the module.
    power : float
        Power of the AGOP, or of what stands in its place.
    n_samples : int
        Samples over which gradients were averaged.
    against : {"agop", "initial", "pre-activation tangent kernel"}, default="agop"
        What ``W^T W`` was compared with.
    center : bool, default=False
        Whether W stands for its change since before training.

    Examples
    --------
    >>> import numpy as np
    >>> from rfmlearn.neural import LayerAnsatz, NeuralFeatureAnsatz
    >>> layer = LayerAnsatz("first", "linear", (5, 2), np.eye(2), np.eye(2), 1.0, 0.98)
    >>> NeuralFeatureAnsatz([layer], power=0.5, n_samples=100)
    Neural feature ansatz: W^T W against AGOP^0.5, 100 samples
    layer kind   shape correlation centered
    first linear 5 x 2       1.000    0.980
    """

    layers: list[LayerAnsatz]
    power: float
    n_samples: int
    against: str = "agop"
    center: bool = False

    @property
    def sides(self):
        """What was compared, as two formulas in plain text.

        Returns
        -------
        left, right : str
        """
        change = "(W - W0)"
        left = f"{change}^T {change}" if self.center else "W^T W"
        kernel = f"{change}^T K {change}" if self.center else "W^T K W"
        right = {"agop": "AGOP", "initial": "W0^T W0", TANGENT_KERNEL: kernel}
        other = right[self.against]
        if self.against == "agop" or self.power != 1:
            other = f"({other})^{self.power:g}" if " " in other else f"{other}^{self.power:g}"
        return left, other

    def __repr__(self):
        measures = self._measures()
        titles = [measure.removeprefix("correlation_") for measure in measures]
        rows = [["layer", "kind", "shape", *titles]]
        for layer in self.layers:
            found = [getattr(layer, measure) for measure in measures]
            values = ["" if value is None else f"{value:.3f}" for value in found]
            rows.append([layer.name, layer.kind, " x ".join(map(str, layer.shape)), *values])
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = [f"Neural feature ansatz: {' against '.join(self.sides)}, {self.n_samples} samples"]
        for row in rows:
            texts = [cell.ljust(width) for cell, width in zip(row[:3], widths[:3], strict=True)]
            numbers = [cell.rjust(width) for cell, width in zip(row[3:], widths[3:], strict=True)]
            lines.append(" ".join(texts + numbers))
        return "\n".join(lines)

    def to_frame(self):
        """The table as a pandas DataFrame, without the matrices.

        Returns
        -------
        DataFrame
            Indexed by the names of the layers. Columns "kind", "shape" and the correlations that were computed.
        """
        try:
            import pandas as pd
        except ImportError as error:
            raise ImportError('to_frame needs pandas: pip install "rfmlearn[bench]"') from error
        columns = ["kind", "shape", *self._measures()]
        rows = [[getattr(layer, column) for column in columns] for layer in self.layers]
        return pd.DataFrame(rows, index=pd.Index([layer.name for layer in self.layers], name="layer"), columns=columns)

    def _measures(self):
        """Names of the correlations that were computed."""
        return [name for name in _MEASURES if any(getattr(layer, name) is not None for layer in self.layers)]
