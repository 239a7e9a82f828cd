"""What `scoring` may be, and what scorers see: whatever works in searches of scikit-learn."""

import functools
import warnings

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from search_data import FEW, data, in_float64
from sklearn.metrics import (
    f1_score,
    get_scorer,
    make_scorer,
    max_error,
    mean_absolute_error,
    mean_pinball_loss,
    roc_auc_score,
    top_k_accuracy_score,
)  # fmt: skip
from sklearn.model_selection import KFold, ShuffleSplit, cross_val_predict

from rfmlearn import RFMClassifier, RFMClassifierCV, RFMRegressor, RFMRegressorCV
from rfmlearn.search._known_model import KnownNumbers, KnownRows

PLAIN = [{"max_iter": 0, "alpha": 0.1}]
X, Y = data(RFMRegressorCV)
_, LABELS = data(RFMClassifierCV)
FRAME = pd.DataFrame(X, index=[f"r{k}" for k in range(60)], columns=list("abc"))
BINARY = np.where(LABELS == "a", "no", "yes")
FOLDS = KFold(4, shuffle=True, random_state=0)


def spread(y_true, y_pred):
    """A metric without weights."""
    return np.quantile(np.abs(y_true - y_pred), 0.9)


def of_rows_above(model, X, y):
    """A callable that looks at X, asks for predictions of a part of it, and finds the part by the index."""
    part = X[X["a"] > 0]
    assert y.index.equals(X.index)
    return -mean_absolute_error(y[part.index], model.predict(part))


NUMERIC = {
    "name": "neg_mean_absolute_error",
    "name without weights": "neg_max_error",
    "own metric": make_scorer(spread, greater_is_better=False),
    "partial": make_scorer(functools.partial(mean_pinball_loss, alpha=0.8), greater_is_better=False),
    "with parameters": make_scorer(mean_pinball_loss, alpha=0.1, greater_is_better=False),
    "callable that looks at X": of_rows_above,
    "callable that asks for the score": lambda model, X, y: model.score(X, y),
    "callable of a copy": lambda model, X, y: -max_error(y, model.predict(X.copy())),
}


@pytest.mark.parametrize("name", NUMERIC)
def test_scores_of_numbers_are_those_of_cross_val_predict(name):
    scoring, y = NUMERIC[name], pd.Series(Y, index=FRAME.index)
    model = in_float64(RFMRegressorCV)(PLAIN, cv=FOLDS, scoring=scoring).fit(FRAME, y)
    scorer = get_scorer(scoring) if isinstance(scoring, str) else scoring
    predicted = cross_val_predict(RFMRegressor(**PLAIN[0]), FRAME, y, cv=FOLDS)

    class Known(RFMRegressor):
        def predict(self, X):
            return predicted[FRAME.index.get_indexer(X.index)]

    # Folds are scored in one, in the order of the splits.
    order = np.concatenate([test for _, test in FOLDS.split(X)])
    known = Known(**PLAIN[0]).fit(FRAME, y)
    assert_allclose(model.best_score_, scorer(known, FRAME.iloc[order], y.iloc[order]))


CLASSES = {
    "f1 of strings": make_scorer(f1_score, pos_label="yes"),
    "by name": "f1_macro",
    "by probability": "roc_auc",
    "by threshold": make_scorer(roc_auc_score, response_method=("decision_function", "predict_proba")),
    "ranks": make_scorer(top_k_accuracy_score, response_method="predict_proba", k=1),
    "callable": lambda model, X, y: np.mean(model.classes_[model.predict_proba(X).argmax(axis=1)] == y),
    "callable of logarithms": lambda model, X, y: model.predict_log_proba(X).max(axis=1).mean(),
}


@pytest.mark.parametrize("name", CLASSES)
@pytest.mark.parametrize(
    "options", [{}, {"class_weight": "balanced"}, {"cv": ShuffleSplit(4, random_state=0)}], ids=str
)
def test_scorers_of_classes(name, options):
    model = RFMClassifierCV(PLAIN, scoring=CLASSES[name], random_state=0, **({"cv": 3} | options)).fit(FRAME, BINARY)
    assert np.isfinite(model.best_score_)
    assert list(model.classes_) == ["no", "yes"]


def test_probabilities_are_those_of_cross_val_predict_up_to_their_calibration():
    model = RFMClassifierCV(PLAIN, scoring="roc_auc_ovr", cv=FOLDS).fit(X, LABELS)
    single = cross_val_predict(RFMClassifier(**PLAIN[0]), X, LABELS, cv=FOLDS, method="predict_proba")
    assert abs(model.best_score_ - roc_auc_score(LABELS, single, multi_class="ovr")) < 0.05
    with pytest.raises(ValueError, match=r"(?s)scoring='roc_auc'.*multi_class"):
        RFMClassifierCV(PLAIN, scoring="roc_auc", cv=FOLDS).fit(X, LABELS)


@pytest.mark.parametrize("weight", [None, np.ones(60), np.arange(1.0, 61.0)], ids=["none", "equal", "different"])
def test_weights_only_where_they_were_given_and_are_taken(weight):
    seen = []

    def taking(y_true, y_pred, sample_weight=None):
        seen.append(sample_weight)
        return -np.average(np.abs(y_true - y_pred), weights=sample_weight)

    for cv in (FOLDS, ShuffleSplit(5, random_state=0)):
        for scoring in (make_scorer(taking), make_scorer(spread), "neg_max_error", lambda m, X, y: m.score(X, y)):
            assert np.isfinite(RFMRegressorCV(PLAIN, cv=cv, scoring=scoring).fit(X, Y, weight).best_score_)
    assert seen and all((w is None) != (weight is not None and np.ptp(weight) > 0) for w in seen)


def test_several_outputs_and_targets_of_one_column():
    both = np.column_stack([Y, X[:, 0]])
    for scoring in ("r2", lambda model, X, y: -np.abs(model.predict(X) - y).max(), make_scorer(mean_absolute_error)):
        for targets in (both, Y[:, None]):
            assert np.isfinite(RFMRegressorCV(PLAIN, cv=3, scoring=scoring).fit(X, targets).best_score_)


def test_lists_are_what_they_were():
    def scoring(model, X, y):
        assert isinstance(X, list) and isinstance(y, list)
        return -max_error(y, model.predict(X))

    assert np.isfinite(RFMRegressorCV(PLAIN, cv=3, scoring=scoring).fit(X.tolist(), Y.tolist()).best_score_)


@pytest.mark.parametrize(("scoring", "error", "message"), [
    (["r2", "neg_max_error"], ValueError, "'scoring' parameter"),
    ({"a": "r2"}, ValueError, "'scoring' parameter"),
    (lambda model, X, y: {"a": 1.0}, TypeError, "scoring must return one number, got {'a': 1.0} of type dict"),
    (lambda model, X, y: model.predict(np.zeros((3, 3))).sum(), ValueError, "rows that are not among those left out"),
    ("roc_auc", ValueError, r"scoring='roc_auc' does not work here: the scored .*decision_function.*knows its"),
    ("neg_log_loss", ValueError, r"scoring='neg_log_loss' .*predict_proba\. .*knows its predictions"),
    (lambda model, X, y: model.coef_, ValueError, r"scoring=.* the scored model has no attribute 'coef_'"),
    (lambda model, X, y: np.nan, ValueError, "is NaN for out-of-fold predictions of every machine"),
    (mean_absolute_error, ValueError, "metric function rather than a scorer"),
])  # fmt: skip
def test_errors_of_scoring(scoring, error, message):
    with pytest.raises(error, match=message):
        RFMRegressorCV(PLAIN, cv=3, scoring=scoring).fit(X, Y)


def test_what_has_no_score_is_not_chosen():
    def scoring(model, X, y):
        if np.ptp(model.predict(X)) < 0.5:
            raise ValueError("too flat")
        return model.score(X, y)

    flat = {"max_iter": 0, "alpha": 1e6}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = RFMRegressorCV([flat, PLAIN[0]], cv=3, scoring=scoring, max_members=1).fit(X, Y)
    assert model.best_params_["alpha"] == 0.1
    assert np.isnan(model.cv_results_["mean_test_score"]).sum() == 1


@pytest.mark.parametrize("factor", [1e155, 1e-162, 1e-300, 1e300])
def test_targets_of_any_size(factor):
    expected, model = (RFMRegressorCV(FEW, cv=2, random_state=0).fit(X, c * Y) for c in (1.0, factor))
    assert_allclose(model.best_score_, expected.best_score_, rtol=1e-6)
    for scoring in ("r2", "neg_mean_squared_error"):
        with pytest.raises(ValueError, match=f"scoring='{scoring}' does not work for targets whose deviation"):
            RFMRegressorCV(PLAIN, cv=2, scoring=scoring).fit(X, factor * Y)
    mean = RFMRegressorCV(PLAIN, cv=2, scoring="neg_mean_absolute_error", random_state=0)
    assert_allclose(mean.fit(X, factor * Y).best_score_ / factor, mean.fit(X, Y).best_score_, rtol=1e-6)


def test_a_score_that_cannot_be_says_why_at_any_size_of_targets():
    for targets in (Y, 1e200 * Y):
        with pytest.raises(ValueError, match=r"scoring='neg_mean_squared_log_error' is NaN .* It raises ValueError"):
            RFMRegressorCV(PLAIN, cv=2, scoring="neg_mean_squared_log_error").fit(X, targets)
        with pytest.raises(ValueError, match=r"scoring='accuracy' is NaN .* It raises ValueError: continuous"):
            RFMRegressorCV(PLAIN, cv=2, scoring="accuracy").fit(X, targets)


def test_parts_of_a_table_find_each_of_its_copies():
    X, predictions = np.array([[1.0], [1.0], [2.0], [1.0]]), np.arange(4.0)[:, None]
    model = KnownNumbers.of(KnownRows(X, np.zeros(4)), predictions)
    assert model.predict(X[X[:, 0] == 1]).tolist() == [0, 1, 3]
    assert model.predict(X[::-1]).tolist() == [0, 2, 1, 3]
