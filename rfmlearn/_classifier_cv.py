"""Classification by an ensemble of recursive feature machines that chooses its settings."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from ._base_cv import BaseRFMCV
from ._calibration import calibration_error
from ._classifier import RFMClassifier
from ._conformal import SetScores
from ._outcomes import Classes, log_probabilities
from ._sklearn_compat import StrOptions, _fit_context, check_weights
from ._target_checks import check_labels, class_factors, code_labels
from ._targets import ClassCodes


class RFMClassifierCV(ClassifierMixin, BaseRFMCV):
    _parameter_constraints: ClassVar[dict] = {
        **BaseRFMCV._parameter_constraints,
        "class_weight": [dict, StrOptions({"balanced"}), None],
    }
    _single = RFMClassifier
    _default_score = "neg_log_loss"

    def __init__(
        self,
        settings=None,
        *,
        scoring=None,
        cv=None,
        max_members=6,
        n_search_samples=2000,
        categorical_features="from_dtype",
        class_weight=None,
        time_limit=None,
        n_jobs=None,
        random_state=None,
        verbose=False,
    ):
        super().__init__(
            settings,
            scoring=scoring,
            cv=cv,
            max_members=max_members,
            n_search_samples=n_search_samples,
            categorical_features=categorical_features,
            time_limit=time_limit,
            n_jobs=n_jobs,
            random_state=random_state,
            verbose=verbose,
        )
        self.class_weight = class_weight

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None, *, groups=None):
        X = self._check_X(X, reset=True)
        y = check_labels(self, X, y)
        row_weights = check_weights(sample_weight, X)
        self.classes_, labels = code_labels(self, y, row_weights)
        weights = row_weights * class_factors(self.class_weight, self.classes_, y, row_weights)[labels]
        outcome = Classes(labels, ClassCodes.fit(labels, len(self.classes_), weights))
        self._fit(X, y, outcome, weights, row_weights, groups, labels)
        self.oof_prediction_ = self._oof_values
        held_out = self.oof_prediction_[self._oof_rows], labels[self._oof_rows], row_weights[self._oof_rows]
        self.calibration_error_ = calibration_error(*held_out)
        self._set_scores = SetScores(*held_out)
        return self

    def predict_proba(self, X):
        return self._average(X)

    def predict(self, X):
        return self.classes_[np.argmax(self._average(X), axis=1)]

    def decision_function(self, X):
        logits = log_probabilities(self._average(X))
        return logits[:, 1] - logits[:, 0] if len(self.classes_) == 2 else logits

    def predict_set(self, X, coverage=0.9, *, method="raps", randomized=True):
        check_is_fitted(self)
        rng = check_random_state(self.random_state) if randomized else None
        return self._set_scores.predict(self._average(X), coverage, method, rng)
