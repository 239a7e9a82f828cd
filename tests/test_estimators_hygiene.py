"""Reproducible fits that leave their arguments and the log alone."""

import logging

import numpy as np
import pytest
from estimator_data import ESTIMATORS, data_for, regression, scores
from numpy.testing import assert_allclose, assert_array_equal

from rfmlearn import RFMClassifier, RFMRegressor


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_random_state(Estimator):
    X, y = data_for(Estimator)
    first, again, other = (
        scores(Estimator(max_iter=2, n_agop_samples=15, random_state=seed).fit(X, y), X) for seed in (0, 0, 1)
    )
    assert_array_equal(first, again)
    assert np.abs(first - other).max() > 1e-6
    states = [np.random.RandomState(0), np.random.RandomState(0)]
    drawn = [scores(Estimator(max_iter=2, n_agop_samples=15, random_state=s).fit(X, y), X) for s in states]
    assert_array_equal(drawn[0], drawn[1])
    assert_array_equal(drawn[0], first)


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_nothing_is_drawn_for_small_tables(Estimator):
    X, y = data_for(Estimator)
    model = Estimator(max_iter=2, solver="cholesky", n_agop_samples=None)
    assert_array_equal(scores(model.set_params(random_state=0).fit(X, y), X), scores(model.fit(X, y), X))
    state = np.random.RandomState(5)
    before = state.get_state()[1].copy()
    model.set_params(random_state=state).fit(X, y)
    assert_array_equal(state.get_state()[1], before)


@pytest.mark.parametrize("solver", ["cholesky", "cg"])
@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_fitting_again_forgets_the_first_fit(Estimator, solver):
    X, y = data_for(Estimator)
    model = Estimator(max_iter=2, solver=solver, random_state=0)
    expected = scores(model.fit(X, y), X)
    pd = pytest.importorskip("pandas")
    other = pd.DataFrame({"p": X[:30, 0], "q": np.where(X[:30, 1] > 0, "u", "v")})
    model.fit(other, y[:30])
    assert_array_equal(scores(model.fit(X, y), X), expected)
    assert not hasattr(model, "feature_names_in_")
    assert model.n_features_in_ == X.shape[1]


@pytest.mark.parametrize("Estimator", ESTIMATORS)
@pytest.mark.parametrize("scaling", [None, "standard", "robust", "quantile"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_arguments_are_left_alone(Estimator, scaling, order):
    X, y = data_for(Estimator)
    X = np.array(X, order=order)
    X[3, 1] = np.nan
    weights = np.linspace(0, 2, len(y))
    copies = X.copy(), y.copy(), weights.copy()
    model = Estimator(scaling=scaling, max_iter=1)
    params = {name: repr(value) for name, value in model.get_params().items()}
    model.fit(X, y, sample_weight=weights, X_val=X, y_val=y, sample_weight_val=weights)
    scores(model, X)
    for ours, theirs in zip((X, y, weights), copies, strict=True):
        assert_array_equal(ours, theirs)
    assert {name: repr(value) for name, value in model.get_params().items()} == params


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_frames_are_left_alone(Estimator):
    pd = pytest.importorskip("pandas")
    X, y = data_for(Estimator)
    table = pd.DataFrame(X).add_prefix("c")
    table["c0"] = table["c0"].where(table["c0"] > -1)
    table["s"] = pd.Categorical(np.where(X[:, 1] > 0, "u", "v"))
    copy = table.copy(deep=True)
    scores(Estimator(max_iter=1).fit(table, y, X_val=table, y_val=y), table)
    pd.testing.assert_frame_equal(table, copy)


def test_fitted_arrays_are_not_views_of_the_arguments():
    X, y = regression()
    model = RFMRegressor(scaling=None, max_iter=0).fit(X, y)
    expected, new = model.predict(X), X.copy()
    X[:] = 0
    y[:] = 0
    assert_array_equal(model.predict(new), expected)


def test_layout_of_the_array_does_not_matter():
    X, y = regression()
    expected = RFMRegressor(max_iter=1).fit(X, y).predict(X)
    wide = np.zeros((80, 10))
    wide[:, ::2] = X
    for given in (np.asfortranarray(X), wide[:, ::2], X.tolist()):
        assert_allclose(RFMRegressor(max_iter=1).fit(given, y).predict(given), expected, rtol=1e-10)


def test_prediction_does_not_depend_on_the_batch():
    X, y = regression()
    model = RFMRegressor(max_iter=1).fit(X, y)
    one_by_one = np.concatenate([model.predict(row[None]) for row in X])
    assert_allclose(one_by_one, model.predict(X), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_verbose_logs_to_standard_error(Estimator, capfd):
    X, y = data_for(Estimator)
    logger = logging.getLogger("rfmlearn")
    before = logger.level, list(logger.handlers), logging.getLogger().level
    Estimator(max_iter=2, verbose=True).fit(X, y)
    out, err = capfd.readouterr()
    assert out == ""
    assert len(err.splitlines()) == 3
    assert all(line.startswith("[rfmlearn] ") for line in err.splitlines())
    assert (logger.level, list(logger.handlers), logging.getLogger().level) == before
    Estimator(max_iter=2).fit(X, y).predict(X)
    assert capfd.readouterr() == ("", "")


def test_log_reaches_the_users_handlers(caplog):
    X, y = regression()
    with caplog.at_level(logging.INFO, logger="rfmlearn"):
        RFMRegressor(max_iter=2).fit(X, y)
    assert len(caplog.records) == 3


def test_handler_is_removed_after_an_error():
    def callback(iterate):
        raise KeyError("from the callback")

    X, y = regression()
    with pytest.raises(KeyError):
        RFMRegressor(verbose=True, callback=callback).fit(X, y)
    assert logging.getLogger("rfmlearn").handlers == []


def test_a_refit_that_fails_leaves_the_model_as_it_was(rng):
    X = rng.normal(size=(60, 3))
    model = RFMClassifier(max_iter=0).fit(X, np.arange(60) % 3)
    expected = model.predict(X)
    with pytest.raises(ValueError, match="y_val"):
        model.fit(X, np.arange(60) % 2, X_val=X)
    assert_array_equal(model.predict(X), expected)


def test_weights_of_any_total_calibrate(rng):
    X, y = rng.normal(size=(80, 3)), np.arange(80) % 3
    one, other = (RFMClassifier(max_iter=0).fit(X, y, np.full(80, w)) for w in (1e12, 1e300))
    linear = getattr(other._calibration, "linear", other._calibration)
    assert np.abs(linear.bias).max() < 50
    assert_allclose(other.predict_proba(X), one.predict_proba(X), atol=1e-6)
