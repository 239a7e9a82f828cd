"""Classification by a recursive feature machine."""

from __future__ import annotations

import numpy as np
from scipy.special import softmax
from sklearn.base import ClassifierMixin
from sklearn.utils import check_consistent_length, column_or_1d
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.multiclass import check_classification_targets

from ._base import BaseRFM
from ._calibration import Calibration
from ._sklearn_compat import StrOptions, _fit_context, check_weights
from ._targets import ClassCodes
from .solvers import leave_one_out_residuals

# Leave-one-out scores of so many rows, drawn at random, calibrate the probabilities.
_CALIBRATION_ROWS = 3000


class RFMClassifier(ClassifierMixin, BaseRFM):
    """TODO."""

    _parameter_constraints: dict = {
        **BaseRFM._parameter_constraints,
        "class_weight": [dict, StrOptions({"balanced"}), None],
    }

    def __init__(
        self,
        kernel="laplace",
        *,
        bandwidth="auto",
        exponent=1.0,
        norm_p=1.5,
        alpha=0.1,
        max_iter=3,
        feature_matrix="full",
        agop_power=0.5,
        shrinkage=0.005,
        n_agop_samples=20_000,
        scaling="standard",
        categorical_features="from_dtype",
        class_weight=None,
        solver="auto",
        tol=1e-3,
        n_iter_no_change=None,
        time_limit=None,
        callback=None,
        random_state=None,
        verbose=False,
    ):
        self.kernel = kernel
        self.bandwidth = bandwidth
        self.exponent = exponent
        self.norm_p = norm_p
        self.alpha = alpha
        self.max_iter = max_iter
        self.feature_matrix = feature_matrix
        self.agop_power = agop_power
        self.shrinkage = shrinkage
        self.n_agop_samples = n_agop_samples
        self.scaling = scaling
        self.categorical_features = categorical_features
        self.class_weight = class_weight
        self.solver = solver
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.time_limit = time_limit
        self.callback = callback
        self.random_state = random_state
        self.verbose = verbose

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None, *, X_val=None, y_val=None, sample_weight_val=None):
        """Learn."""
        X = self._check_X(X, reset=True)
        y = self._check_y(X, y)
        weights = check_weights(sample_weight, X)
        self.classes_ = np.unique(y[weights > 0])
        n_classes = len(self.classes_)
        if n_classes < 2:
            raise ValueError(
                f"{type(self).__name__} needs at least two classes with positive weight, got 1 class: {self.classes_[0]!r}."
            )
        seen = np.isin(y, self.classes_)
        labels = np.searchsorted(self.classes_, np.where(seen, y, self.classes_[0]))
        weights = weights * self._class_weights(y, weights)[labels]
        codes = ClassCodes.fit(labels, n_classes, weights)
        validation = self._check_validation(X_val, y_val, sample_weight_val)
        if validation is not None:
            validation = validation[0], codes.encode(self._check_labels(validation[0], y_val)), validation[1]
        recursion, best, kept = self._fit(X, weights, lambda kept: codes.encode(labels[kept]), validation)
        self._codes = codes
        self._calibration = self._calibrate(recursion, best, labels[kept])
        return self

    def decision_function(self, X):
        """Logits."""
        logits = self._calibration_logits(X)
        return logits[:, 1] - logits[:, 0] if len(self.classes_) == 2 else logits

    def predict_proba(self, X):
        """Probabilities."""
        return softmax(self._calibration_logits(X), axis=1)

    def predict(self, X):
        """Most probable class."""
        logits = self._calibration_logits(X)
        return self.classes_[np.argmax(logits, axis=1)]

    def _calibration_logits(self, X):
        F = self._decision(X)
        return self._calibration.logits(self._codes.decode(F)).astype(F.dtype, copy=False)

    def _calibrate(self, recursion, best, labels):
        n, weights = len(labels), recursion.sample_weight
        rows = None
        if n > _CALIBRATION_ROWS:
            rows = np.sort(recursion.rng.choice(n, _CALIBRATION_ROWS, replace=False))
        inverse_diagonal = best.factor.inverse_diagonal(rows)
        rows = np.arange(n) if rows is None else rows
        ridge = best.factor.ridge[rows]
        residuals = leave_one_out_residuals(best.dual_coef[rows], inverse_diagonal, ridge, weights[rows])
        scores = self._codes.decode(recursion.targets[rows] - residuals)
        return Calibration.fit(scores, labels[rows], weights[rows], self._codes.prior)

    def _class_weights(self, y, weights):
        if self.class_weight == "balanced":
            totals = np.array([weights[y == label].sum() for label in self.classes_])
            return totals.sum() / (len(totals) * totals)
        return compute_class_weight(self.class_weight, classes=self.classes_, y=y[weights > 0])

    def _check_y(self, X, y):
        if y is None:
            raise ValueError(f"{type(self).__name__} requires y to be passed, but the target y is None.")
        y = column_or_1d(y, warn=True)
        check_classification_targets(y)
        check_consistent_length(X, y)
        return y

    def _check_labels(self, X, y):
        y = self._check_y(X, y)
        unknown = np.setdiff1d(y, self.classes_)
        if len(unknown):
            raise ValueError(f"y_val has labels that y has not: {unknown[:5].tolist()}.")
        return np.searchsorted(self.classes_, y)
