"""What the neural feature ansatz amounts to, for a layer and for a network."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

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
        Neural feature matrix ``W^T W``.
    agop : ndarray of shape (n_in, n_in)
        Average gradient outer product with respect to what W multiplies.
    correlation : float
        Of the neural feature matrix with the power of the AGOP.
    correlation_centered : float
        The same, with the gradients' means over samples subtracted, for every output and position.
    correlation_initial : float or None, default=None
        The same as `correlation` before training, with the weights and the AGOP of then.
    correlation_change : float or None, default=None
        Of ``(W - W0)^T (W - W0)`` with the power of the AGOP, where W0 was W before training.
    nfm_kept : float or None, default=None
        Of the neural feature matrix with that before training.

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
    correlation_centered: float
    correlation_initial: float | None = None
    correlation_change: float | None = None
    nfm_kept: float | None = None


@dataclass(frozen=True, eq=False, repr=False)
class NeuralFeatureAnsatz:
    """The neural feature ansatz of all layers of a module; what `neural_feature_ansatz` returns.

    It prints as a table.

    Parameters
    ----------
    layers : list of LayerAnsatz
        In the order of the module.
    power : float
        Power of the AGOP.
    n_samples : int
        Samples over which gradients were averaged.

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

    def __repr__(self):
        measures = self._measures()
        titles = [measure.removeprefix("correlation_") for measure in measures]
        rows = [["layer", "kind", "shape", *titles]]
        for layer in self.layers:
            values = [f"{getattr(layer, measure):.3f}" for measure in measures]
            rows.append([layer.name, layer.kind, " x ".join(map(str, layer.shape)), *values])
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = [f"Neural feature ansatz: W^T W against AGOP^{self.power:g}, {self.n_samples} samples"]
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
