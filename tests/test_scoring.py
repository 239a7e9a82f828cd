"""Scores of predictions that are at hand: those of scikit-learn's scorers on the model that made them."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import d2_tweedie_score, get_scorer, make_scorer

from rfmlearn.search._scoring import make_score
from rfmlearn.search._splits import Given
from rfmlearn.solvers import Weights
from rfmlearn.targets._codes import ClassCodes
from rfmlearn.targets._outcomes import Outcomes

ROWS = np.random.default_rng(1).permutation(90)[:50]
WEIGHTS = {"equal": np.full(50, 3.0), "different": np.random.default_rng(2).uniform(0.1, 2.0, 50)}


def classified(n_classes):
    """A classifier of zeros and ones or of more classes with names, its table and its targets."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(90, 3))
    latent = X[:, 0] + 0.5 * rng.normal(size=90)
    names = np.array([0, 1] if n_classes == 2 else ["low", "mid", "high", "top"])
    y = names[np.searchsorted(np.quantile(latent, np.arange(1, n_classes) / n_classes), latent)]
    return LogisticRegression().fit(X, y), X, y


def predicted(n_outputs):
    """A regressor, its table and its targets, an array of one axis if `n_outputs` is None."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(90, 3))
    Y = X @ rng.normal(size=(3, n_outputs or 1)) * [1.0, 30.0][: n_outputs or 1] + rng.normal(size=(90, n_outputs or 1))
    y = Y if n_outputs else Y[:, 0]
    return Ridge().fit(X, y), X, y


def score_of(scoring, outcome, X, y, classes, weights):
    """The score, where the rows that are scored have these weights."""
    everywhere = np.ones(len(y))
    everywhere[ROWS] = weights
    return make_score(scoring, outcome, Given(X, y), classes, Weights.of(everywhere))


def check(scoring, scorer, model, X, y, outcome, weights, classes=None):
    """Our score of the predictions is the scorer's of the model."""
    P = model.predict(X[ROWS]).reshape(50, -1) if classes is None else model.predict_proba(X[ROWS])
    ours = score_of(scoring, outcome, X, y, classes, weights)(P, ROWS, weights)
    weighted = {} if np.ptp(weights) == 0 else {"sample_weight": weights}
    assert ours == pytest.approx(scorer(model, X[ROWS], y[ROWS], **weighted), rel=1e-10)
    assert isinstance(ours, float)


def share_of_first(y_true, y_pred, sample_weight=None):
    """A metric that scikit-learn does not have."""
    return float(np.average(y_pred == np.sort(y_true)[0], weights=sample_weight))


BINARY = ["accuracy", "roc_auc", "average_precision", "neg_brier_score", "neg_log_loss",
          "matthews_corrcoef", make_scorer(share_of_first)]  # fmt: skip
SEVERAL = ["accuracy", "balanced_accuracy", "f1_macro", "neg_log_loss", "roc_auc_ovr", make_scorer(share_of_first)]
NUMERIC = ["r2", "neg_mean_absolute_error", "neg_root_mean_squared_error", "explained_variance"]
OWN_OF_NUMBERS = make_scorer(d2_tweedie_score, power=0)


def scorer_of(scoring):
    return get_scorer(scoring) if isinstance(scoring, str) else scoring


@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize(("n_classes", "scoring"), [*((2, s) for s in BINARY), *((4, s) for s in SEVERAL)], ids=str)
def test_scores_of_classes(n_classes, scoring, weights):
    model, X, y = classified(n_classes)
    outcome = Outcomes(np.searchsorted(model.classes_, y))
    check(scoring, scorer_of(scoring), model, X, y, outcome, WEIGHTS[weights], model.classes_)


@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize(
    ("n_outputs", "scoring"), [*((n, s) for n in (None, 1, 2) for s in NUMERIC), (None, OWN_OF_NUMBERS)], ids=str
)
def test_scores_of_numbers(n_outputs, scoring, weights):
    model, X, y = predicted(n_outputs)
    check(scoring, scorer_of(scoring), model, X, y, Outcomes(y.reshape(90, -1)), WEIGHTS[weights])


@pytest.mark.parametrize("weights", WEIGHTS)
def test_default_is_log_loss_or_r2(weights):
    model, X, y = classified(4)
    labels = np.searchsorted(model.classes_, y)
    outcome = Outcomes(labels, ClassCodes.fit(labels, 4, np.ones(90)))
    check(None, get_scorer("neg_log_loss"), model, X, y, outcome, WEIGHTS[weights], model.classes_)
    for n_outputs in (None, 2):
        model, X, y = predicted(n_outputs)
        check(None, get_scorer("r2"), model, X, y, Outcomes(y.reshape(90, -1)), WEIGHTS[weights])


def test_function_of_a_model():
    """A scorer may be any function of a model, a table and targets."""
    model, X, y = classified(4)
    scorer = lambda model, X, y: float(np.mean(model.predict(X) == y))  # noqa: E731
    outcome = Outcomes(np.searchsorted(model.classes_, y))
    check(scorer, scorer, model, X, y, outcome, WEIGHTS["equal"], model.classes_)
    worst = lambda model, X, y: -float(np.abs(model.predict(X) - y).max())  # noqa: E731
    for n_outputs in (None, 2):
        model, X, y = predicted(n_outputs)
        check(worst, worst, model, X, y, Outcomes(y.reshape(90, -1)), WEIGHTS["equal"])


def test_probability_of_zero_has_a_score():
    y = np.array(["a", "b"] * 45)
    P = np.tile([1.0, 0.0], (50, 1))
    for scoring, best in (("roc_auc", 0.5), ("accuracy", np.mean(y[ROWS] == "a"))):
        score = score_of(scoring, None, np.zeros((90, 1)), y, np.array(["a", "b"]), np.ones(50))
        assert score(P, ROWS, np.ones(50)) == pytest.approx(best)
    with pytest.raises(ValueError, match="scoring"):
        score_of("accurracy", None, np.zeros((90, 1)), y, np.array(["a", "b"]), np.ones(50))
