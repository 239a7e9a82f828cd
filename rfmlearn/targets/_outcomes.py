"""The true outcomes of all rows of a table, as a search asks for them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import log_softmax

from ._calibration import Identity
from ._codes import ScaledTargets, Target, mean_loss


@dataclass(frozen=True)
class Outcomes:
    """Numbers or integer labels, and how they are coded, predicted and scored.

    Attributes
    ----------
    y : ndarray of shape (n, n_outputs), or of int of shape (n,)
    shared : Target or None
        Codes of all rows, centred on their prior or with the constants of a loss; None has every part of the rows fit
        its own, for squared error.
    """

    y: np.ndarray
    shared: Target | None = None

    def target(self, rows, sample_weight) -> Target:
        """How the outcomes of training rows are coded."""
        return self.shared or ScaledTargets.fit(self.y[rows], sample_weight)

    @property
    def are_classes(self):
        """Whether they are labels."""
        return self.y.ndim == 1

    @property
    def objective(self):
        """What machines minimise; None is squared error."""
        return None if self.shared is None else self.shared.objective

    @property
    def n_codes(self):
        """Outputs of the machines that are fitted."""
        return self.y.shape[1] if self.shared is None else self.shared.encode(self.y[:1]).shape[1]

    def calibrate(self, scores, rows, sample_weight):
        """The link from scores to predictions, fitted to scores of rows that were left out."""
        if self.shared is None:
            return Identity()
        return self.shared.calibrate(scores, self.y[rows], sample_weight)

    def loss(self, predictions, rows, sample_weight):
        """Weighted mean loss of predictions of some rows."""
        return mean_loss(self.comparison, predictions, rows, sample_weight)

    def comparison(self, predictions, rows, sample_weight):
        """What of a stack of predictions of some rows the loss looks at, and losses of a stack of that."""
        return (self.shared or ScaledTargets).comparison(predictions, self.y[rows], sample_weight)


def log_probabilities(probabilities):
    """Logarithms of averaged probabilities, finite, shape (n, n_classes)."""
    return log_softmax(np.log(np.maximum(probabilities, np.finfo(probabilities.dtype).tiny)), axis=1)
