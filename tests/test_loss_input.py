"""Bad and odd input for other losses than squared error: an answer or a clear error, and no warning of NumPy."""

import pickle
from functools import partial

import numpy as np
import pytest
from large_data import FEW, SMALL, SmallRegressor, SmallRegressorCV
from loss_cases import LOCATED, NAMES, PARAMETERS, POSITIVE, amounts, counts, regressor
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import mean_pinball_loss

from rfmlearn import RFMClassifier, RFMClassifierCV, RFMRegressor, RFMRegressorCV

pytestmark = pytest.mark.filterwarnings("error")


def assert_answers(name, X, y, sample_weight=None):
    """Predictions are finite, quantiles in order, means positive; the model."""
    model = regressor(name).fit(X, y, sample_weight)
    predicted = model.predict(X)
    assert np.isfinite(predicted).all()
    if name == "quantiles":
        assert (np.diff(predicted, axis=1) >= 0).all()
    if name in POSITIVE:
        assert (predicted > 0).all()
    return model


# Parameters ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("Estimator", [RFMRegressor, RFMRegressorCV])
@pytest.mark.parametrize(
    "quantile", [0, 1, 1.5, np.nan, np.inf, "a", True, ["a"], [], [[0.1, 0.2]], [0.1, np.nan], [0.1, None], [0, 0.5]]
)  # fmt: skip
def test_quantiles_that_are_none(Estimator, quantile):
    with pytest.raises(ValueError, match=r"quantile.*(0 < quantile < 1|range \(0.0, 1.0\))"):
        Estimator(loss="quantile", quantile=quantile).fit(*amounts())


@pytest.mark.parametrize("loss", ["quantile", "expectile"])
def test_quantiles_out_of_order_equal_or_missing(loss):
    for quantile in ([0.9, 0.1], [0.5, 0.5]):
        with pytest.raises(ValueError, match="ascending order, without equal ones"):
            RFMRegressor(loss=loss, quantile=quantile).fit(*amounts())
    with pytest.raises(ValueError, match=f"loss='{loss}' needs quantile"):
        RFMRegressor(loss=loss).fit(*amounts())


@pytest.mark.parametrize("loss", ["squared_error", "huber", "poisson"])
def test_quantiles_of_losses_that_have_none(loss):
    with pytest.raises(ValueError, match=f"loss='quantile' and loss='expectile' only, got loss='{loss}'"):
        RFMRegressor(loss=loss, quantile=0.5).fit(*amounts())


@pytest.mark.parametrize("quantile", [(0.1, 0.9), np.array([0.1, 0.9]), [np.float32(0.1), 0.9]])
def test_sequences_of_quantiles(quantile):
    assert RFMRegressor(loss="quantile", quantile=quantile, max_iter=0).fit(*amounts()).predict([[0, 0, 0]]).shape == (
        1,
        2,
    )


@pytest.mark.parametrize("quantile, shape", [(np.array(0.5), (1,)), ([0.5], (1, 1)), (1e-12, (1,))])
def test_odd_quantiles(quantile, shape):
    model = RFMRegressor(loss="quantile", quantile=quantile, max_iter=0).fit(*amounts())
    assert model.predict([[0, 0, 0]]).shape == shape


@pytest.mark.parametrize("power", [0, 0.99, 2.01, 3, np.nan, "1", None])
def test_powers_that_are_none(power):
    with pytest.raises(ValueError, match=r"'power' parameter.*range \[1.0, 2.0\]"):
        RFMRegressor(loss="tweedie", power=power).fit(*amounts())


@pytest.mark.parametrize("power, other", [(1, "poisson"), (2, "gamma")])
def test_powers_at_the_ends_are_those_of_named_losses(power, other):
    X, y = amounts()
    ours = RFMRegressor(loss="tweedie", power=power, max_iter=1).fit(X, y)
    assert_allclose(ours.predict(X), regressor(other).fit(X, y).predict(X))


def test_unknown_losses():
    for Estimator in (RFMRegressor, RFMRegressorCV, RFMClassifier):
        with pytest.raises(ValueError, match="'loss' parameter"):
            Estimator(loss="hinge").fit(*amounts())


@pytest.mark.parametrize("Estimator, loss", [(RFMRegressorCV, "huber"), (RFMClassifierCV, "log_loss")])
def test_settings_do_not_hold_losses(Estimator, loss):
    X, y = amounts()
    with pytest.raises(ValueError, match=rf"settings\[0\] must not hold loss: {Estimator.__name__} sees to it"):
        Estimator([{"loss": loss}]).fit(X, y > 2)


def test_what_is_for_squared_error_only():
    X, y = amounts()
    with pytest.raises(ValueError, match='solver="packed" is for loss="squared_error" only'):
        regressor("huber", solver="packed").fit(X, y)
    with pytest.raises(ValueError, match="extra_members are for loss='squared_error' only, got loss='huber'"):
        RFMRegressorCV(loss="huber", extra_members=[RFMRegressor()]).fit(X, y)


def test_estimators_of_tables_on_a_cluster():
    pytest.importorskip("distributed")
    from rfmlearn.dask import DaskRFMClassifier, DaskRFMRegressor

    X, y = amounts()
    for estimator in (DaskRFMRegressor(loss="poisson"), DaskRFMClassifier(loss="log_loss")):
        with pytest.raises(ValueError, match=f"is for loss='squared_error' only, got loss='{estimator.loss}'"):
            estimator.fit(X, y > 2)


# Targets ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("Estimator", [RFMRegressor, RFMRegressorCV])
@pytest.mark.parametrize("name", POSITIVE)
def test_targets_that_are_not_allowed(Estimator, name):
    X, y = amounts()
    allowed = "positive" if name == "gamma" else "at least 0"
    with pytest.raises(ValueError, match=f"y must be {allowed} for loss='{name}', got -1"):
        Estimator(**PARAMETERS[name]).fit(X, np.r_[-1.0, y[1:]])
    what = "y must be positive for loss='gamma', got 0" if name == "gamma" else "must have a positive value.*all are 0"
    with pytest.raises(ValueError, match=what):
        Estimator(**PARAMETERS[name]).fit(X, 0 * y)
    for infinite in (np.inf, np.nan):
        with pytest.raises(ValueError, match="y contains"):
            Estimator(**PARAMETERS[name]).fit(X, np.r_[infinite, y[1:]])


def test_targets_that_are_not_allowed_elsewhere():
    X, y = amounts()
    with pytest.raises(ValueError, match="y_val must be positive for loss='gamma', got 0"):
        regressor("gamma").fit(X, y, X_val=X, y_val=0 * y)
    with pytest.raises(ValueError, match="y must be at least 0 for loss='poisson', got -"):
        regressor("poisson").fit(X, y).score(X, -y)
    without = np.r_[0.0, np.ones(59)]
    regressor("gamma").fit(X, np.r_[-1.0, y[1:]], without)  # rows of no weight do not count


@pytest.mark.parametrize("name", ["quantiles", *POSITIVE])
def test_one_output_at_a_time(name):
    X, y = amounts()
    with pytest.raises(ValueError, match=r"y has 2 outputs, but .* is for one: fit one output at a time"):
        regressor(name).fit(X, np.c_[y, y])


@pytest.mark.parametrize("name", [name for name in LOCATED if name != "quantiles"])
def test_several_outputs(name):
    X, y = amounts()
    both = regressor(name).fit(X, np.c_[y, -y])
    assert both.predict(X).shape == (60, 2)
    assert both.score(X, np.c_[y, -y]) > 0


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("value", [0.0, 3.0, 1e300, 1e-300])
def test_targets_that_do_not_vary(name, value):
    if value == 0 and name in POSITIVE:
        return
    X, _ = amounts()
    assert_allclose(assert_answers(name, X, np.full(60, value)).predict(X), value, rtol=1e-9)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("factor", [1e-310, 1e-300, 1e300])
def test_tiny_and_huge_targets(name, factor):
    X, y = amounts()
    assert_allclose(
        assert_answers(name, X, factor * y).predict(X) / factor, regressor(name).fit(X, y).predict(X), rtol=1e-5
    )


@pytest.mark.parametrize("name", NAMES)
def test_one_outlier(name):
    X, y = amounts()
    wild = np.r_[1e12, y[1:]]
    predicted = assert_answers(name, X, wild).predict(X)
    if name in ("absolute_error", "huber"):
        assert predicted.max() < 3 * y.max()


@pytest.mark.parametrize("name", NAMES)
def test_targets_of_all_sizes(name):
    X, _ = amounts()
    assert_answers(name, X, 10.0 ** np.random.default_rng(0).uniform(-150, 150, size=60))


@pytest.mark.parametrize("name", NAMES)
def test_ties(name):
    X, y = amounts()
    assert_answers(name, X, np.where(X[:, 0] > 0, 1.0, 2.0))
    assert_answers(name, X, np.r_[np.full(50, 2.0), y[50:]])
    if name != "gamma":
        assert_answers(name, X, np.r_[np.zeros(59), 5.0])


# Rows and columns ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("n", [1, 2, 3])
def test_few_rows(name, n):
    X, y = amounts()
    model = assert_answers(name, X[:n], y[:n])
    assert_allclose(model.predict(X[n:]), np.clip(model.predict(X[n:]), 0.9 * y[:n].min(), 1.1 * y[:n].max()))


def test_three_rows_and_a_far_quantile():
    X, y = amounts()
    model = RFMRegressor(loss="quantile", quantile=0.95).fit(X[:3], y[:3])
    assert_allclose(model.predict(X[:3]), y[:3].max(), rtol=0.05)


@pytest.mark.parametrize("name", NAMES)
def test_columns_that_say_nothing(name):
    _, y = amounts()
    model = assert_answers(name, np.ones((60, 2)), y)
    assert np.ptp(model.predict(np.ones((5, 2))), axis=0).max() == 0


@pytest.mark.parametrize("name", NAMES)
def test_rows_of_no_weight_do_not_count(name):
    X, y = amounts()
    weight = (np.arange(60) >= 10).astype(float)
    ours, theirs = regressor(name).fit(X, y, weight), regressor(name).fit(X[10:], y[10:])
    assert_allclose(ours.predict(X), theirs.predict(X))


@pytest.mark.parametrize("name", NAMES)
def test_factors_of_weights_do_not_matter(name):
    X, y = amounts()
    plain = regressor(name).fit(X, y).predict(X)
    for factor in (1e-300, 1e300):
        assert_allclose(regressor(name).fit(X, y, np.full(60, factor)).predict(X), plain, rtol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_weights_of_all_sizes(name):
    X, y = amounts()
    assert_answers(name, X, y, 10.0 ** np.random.default_rng(0).uniform(-12, 12, size=60))


@pytest.mark.parametrize("name", NAMES)
def test_rows_far_away(name):
    X, y = amounts()
    model = regressor(name, scaling="standard").fit(X, y)
    far = model.predict(np.full((1, 3), 1e10))
    assert np.isfinite(far).all()
    assert_allclose(far.ravel(), model.intercept_, rtol=1e-6)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("alpha", [1e9, 1e-3])
def test_ridges_of_all_sizes(name, alpha):
    X, y = amounts()
    model = regressor(name, alpha=alpha).fit(X, y)
    assert np.isfinite(model.predict(X)).all()
    assert model.alpha_ == pytest.approx(alpha)


# Classes ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n_classes", [2, 3, 8])
def test_classes_that_can_be_told_apart(n_classes):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 2))
    y = np.searchsorted(np.quantile(X[:, 0], np.arange(1, n_classes) / n_classes), X[:, 0])
    model = RFMClassifier(loss="log_loss", max_iter=1).fit(X, y)
    probabilities, decisions = model.predict_proba(X), model.decision_function(X)
    assert np.isfinite(decisions).all() and np.abs(decisions).max() < 1e3
    assert_allclose(probabilities.sum(axis=1), 1)
    assert model.score(X, y) > 0.9
    assert np.isfinite(model.predict_log_proba(1e6 * X)).all()


@pytest.mark.parametrize("counts", [[59, 1], [1, 1], [30, 29, 1], [2, 1, 1]])
def test_rare_classes(counts):
    y = np.repeat(np.arange(len(counts)), counts)
    X = np.random.default_rng(0).normal(size=(len(y), 2))
    probabilities = RFMClassifier(loss="log_loss", max_iter=1).fit(X, y).predict_proba(X)
    assert np.isfinite(probabilities).all()
    assert_allclose(probabilities.mean(axis=0), np.array(counts) / len(y), atol=0.2)


def test_weights_of_classes():
    X, y = amounts()
    labels = np.where(y > 4, "many", "few")
    for weight in ("balanced", {"many": 1e-6, "few": 1.0}):
        model = RFMClassifier(loss="log_loss", max_iter=1, class_weight=weight).fit(X, labels)
        assert np.isfinite(model.predict_proba(X)).all()


def test_scorers_see_all_quantiles():
    def loss(estimator, X, y):
        assert estimator.predict(X).shape == (len(y), 2)
        return -mean_pinball_loss(y, estimator.predict(X)[:, 0], alpha=0.1)

    X, y = amounts()
    model = RFMRegressorCV([{"max_iter": 1}], cv=2, loss="quantile", quantile=[0.1, 0.9], scoring=loss).fit(X, y)
    assert_allclose(model.ensemble_score_, -mean_pinball_loss(y, model.oof_prediction_[:, 0], alpha=0.1))
    with pytest.raises(ValueError, match=r"neg_mean_absolute_error.* different number of output"):
        clone(model).set_params(scoring="neg_mean_absolute_error").fit(X, y)


# Many rows -------------------------------------------------------------------------------------------------------


class ManyLabels(RFMClassifier):
    large_budget = SMALL


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("what", ["outlier", "equal", "ties", "weights"])
def test_odd_tables_of_many_rows(name, what):
    X, y = counts(300)
    y = y + (name == "gamma")
    y = {"outlier": np.r_[1e12, y[1:]], "equal": np.full(300, 3.0), "ties": np.where(X[:, 0] > 0, 1.0, 2.0)}.get(
        what, y
    )
    weight = 10.0 ** np.random.default_rng(0).uniform(-6, 6, size=300) if what == "weights" else None
    model = SmallRegressor(**PARAMETERS[name], max_iter=1).fit(X, y, weight)
    assert np.isfinite(model.predict(X)).all()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("make", [SmallRegressor, partial(SmallRegressorCV, FEW, cv=3, max_members=1)])
def test_intervals_of_many_rows(make, name):
    X, y = amounts(400)
    model = make(**PARAMETERS[name], random_state=0).fit(X, y)
    low, high = model.predict_interval(X, 0.8).T
    assert 0.6 < np.mean((low <= y) & (y <= high)) < 0.95
    assert_array_equal(pickle.loads(pickle.dumps(model)).predict_interval(X, 0.8).T, [low, high])
    assert model.compress(X=X, y=y).predict_interval(X, 0.8).shape == (400, 2)


def test_scales_of_many_rows_are_those_of_the_rows_that_were_held_out():
    rng = np.random.default_rng(0)
    X = rng.uniform(-2, 2, (400, 2))
    is_noisy = X[:, 1] > 0
    y = np.exp(np.where(is_noisy, 1.0, 0.05) * rng.normal(size=400))
    model = SmallRegressor(loss="absolute_error", random_state=0).fit(X, y)
    assert len(model.X_fit_) < 400
    width = np.subtract(*model.predict_interval(X, 0.8, method="scaled").T[::-1])
    assert np.median(width[is_noisy]) > 2 * np.median(width[~is_noisy])


def test_classes_of_many_rows_that_can_be_told_apart():
    X, _ = counts(300)
    model = ManyLabels(loss="log_loss", max_iter=1).fit(X, X[:, 0] > 0)
    assert np.isfinite(model.decision_function(X)).all()
    assert model.score(X, X[:, 0] > 0) > 0.9


@pytest.mark.parametrize("options", [{"loss": "poisson"}, {"loss": "quantile", "quantile": [0.1, 0.9]}])
def test_a_ridge_that_is_too_small_is_told_of(options):
    rng = np.random.default_rng(0)
    X = np.repeat(rng.normal(size=(20, 3)), 3, axis=0) + 1e-13 * rng.normal(size=(60, 3))
    y = rng.poisson(2, size=60)
    with pytest.warns(ConvergenceWarning) as record:
        model = RFMRegressor(kernel="gaussian", alpha=1e-300, max_iter=1, **options).fit(X, y)
    assert any("alpha=1.0e-300 is too small for losses" in str(warning.message) for warning in record)
    assert np.isfinite(model.predict(X)).all()
