"""Estimators of other losses than squared error: their contract, symmetries, gradients and what surrounds them."""

import pickle

import naive
import numpy as np
import pytest
from large_data import SMALL
from loss_cases import LOCATED, NAMES, PARAMETERS, POSITIVE, amounts, counts, regressor
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import logsumexp
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.metrics import d2_pinball_score, d2_tweedie_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from rfmlearn import AGOPFeatureMap, RFMClassifier, RFMRegressor, RFMRegressorCV, average_gradient_outer_product
from rfmlearn.gradients import input_gradients
from rfmlearn.inspection import local_importances, write_report

SETTINGS = [{"max_iter": 1}, {"kernel": "gaussian", "feature_matrix": "full", "max_iter": 1}]


def search(name):
    return RFMRegressorCV(SETTINGS, cv=2, random_state=0, **PARAMETERS[name])


def scale_of(name):
    """The scale on which a machine predicts."""
    return np.log if name in POSITIVE else np.asarray


def columns(values):
    return values.reshape(len(values), -1)


@pytest.fixture(scope="module")
def fitted():
    """Models of every loss, fitted once; not to be changed."""
    X, y = amounts()
    return {
        **{(kind, name): make(name).fit(X, y) for name in NAMES for kind, make in (("one", regressor),)},
        **{("search", name): search(name).fit(X, y) for name in ("quantiles", "poisson", "huber")},
    }


MODELS = [*(("one", name) for name in NAMES), *(("search", name) for name in ("quantiles", "poisson", "huber"))]


def expected_to_fail(estimator):
    """It predicts several numbers for one target."""
    if np.ndim(getattr(estimator, "quantile", None)) == 1:
        return {"check_regressors_train": "several quantiles of one target"}
    return {}


@pytest.mark.filterwarnings("ignore:cv has copies of rows on both sides")  # as the check of weights wants it
@parametrize_with_checks(
    [
        *(regressor(name) for name in NAMES),
        RFMClassifier(loss="log_loss", max_iter=1),
        search("huber"),
        search("poisson"),
    ],
    expected_failed_checks=expected_to_fail,
)
def test_sklearn_checks(estimator, check):
    check(estimator)


# Symmetries ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_weights_are_repetitions(name):
    X, y = amounts(40)
    weight = np.random.default_rng(1).integers(1, 4, size=40)
    repeated = [np.repeat(part, weight, axis=0) for part in (X, y)]
    ours, theirs = regressor(name).fit(X, y, weight.astype(float)), regressor(name).fit(*repeated)
    assert_allclose(ours.predict(X), theirs.predict(X), atol=1e-5)


@pytest.mark.parametrize("factor, shift", [(2.0**20, 0.0), (3.0, 100.0)])
@pytest.mark.parametrize("name", LOCATED)
def test_units_of_the_target_do_not_matter(name, factor, shift, fitted):
    X, y = amounts()
    moved = regressor(name).fit(X, factor * y + shift)
    assert_allclose((moved.predict(X) - shift) / factor, fitted["one", name].predict(X), atol=1e-5)


@pytest.mark.parametrize("name", POSITIVE)
def test_factors_of_positive_targets_do_not_matter(name, fitted):
    X, y = amounts()
    assert_allclose(regressor(name).fit(X, 1000 * y).predict(X) / 1000, fitted["one", name].predict(X), rtol=1e-6)


def test_mirrored_targets_have_mirrored_quantiles():
    X, y = amounts()
    up, down = (RFMRegressor(loss="quantile", quantile=tau, max_iter=0) for tau in (0.8, 0.2))
    difference = up.fit(X, y).predict(X) + down.fit(X, -y).predict(X)
    assert np.ptp(difference) < 0.01 * y.std()
    assert np.abs(difference).mean() < 0.2 * y.std()  # shifts are those of one row or the next


@pytest.mark.parametrize("max_iter", [0, 1])
def test_expectiles_of_one_half_are_means(max_iter):
    X, y = amounts()
    half = RFMRegressor(loss="expectile", quantile=0.5, max_iter=max_iter, alpha=0.3).fit(X, y)
    squared = RFMRegressor(max_iter=max_iter, alpha=0.3).fit(X, y)
    assert_allclose(half.predict(X), squared.predict(X), rtol=1e-6)


# What predictions are --------------------------------------------------------------------------------------------


def test_quantiles_do_not_cross(fitted):
    X, y = amounts(500, seed=1)
    for kind in ("one", "search"):
        assert (np.diff(fitted[kind, "quantiles"].predict(X), axis=1) >= 0).all()
    levels = [0.05, 0.5, 0.95]
    model = RFMRegressor(loss="quantile", quantile=levels).fit(X[:300], y[:300])
    assert_allclose(np.mean(y[300:, None] <= model.predict(X[300:]), axis=0), levels, atol=0.06)
    assert_allclose(np.mean(y[:300, None] <= model.predict(X[:300]), axis=0), levels, atol=0.12)


@pytest.mark.parametrize("name", ["absolute_error", "huber"])
def test_outliers_are_resisted(name):
    X, y = amounts(100)
    wild = y.copy()
    wild[:5] = 1e6
    clean = regressor(name).fit(X[5:], y[5:]).predict(X)
    assert_allclose(regressor(name).fit(X, wild).predict(X), clean, atol=2.5 * y.std())
    assert np.abs(RFMRegressor(max_iter=1).fit(X, wild).predict(X) - clean).max() > 1e3


def test_exposure_is_a_weight():
    """Rates with exposures as weights are what counts with an offset would be."""
    rng = np.random.default_rng(0)
    X, exposure = rng.normal(size=(80, 1)), rng.uniform(0.2, 3, size=80)
    claims = rng.poisson(exposure * np.exp(X[:, 0]))
    model = RFMRegressor(loss="poisson", max_iter=0, alpha=0.5).fit(X, claims / exposure, exposure)
    # The same by hand: the deviance of counts with the offset log(exposure), at the ridge that the model has.
    K = model.kernel_(model.X_fit_, model.X_fit_)
    unit = np.average(claims / exposure, weights=exposure)

    def loss(c):
        f = K @ c + np.log(unit * exposure)
        return np.sum(np.exp(f) - claims * f) / unit + 0.5 * c @ K @ c / 2

    scores = np.log(model.predict(X) / unit)
    link = model._link
    c = np.linalg.solve(K, (scores - link.offset) / link.stretch)
    slope = [(loss(c + 1e-5 * e) - loss(c - 1e-5 * e)) / 2e-5 for e in np.eye(80)]
    assert_allclose(slope, 0, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_score_is_the_share_of_the_loss_that_is_explained(name, fitted):
    X, y = amounts(80, seed=2)
    model, weight = fitted["one", name], np.random.default_rng(2).uniform(0.5, 2, size=80)
    score, predicted = model.score(X, y, weight), columns(model.predict(X))
    if name in POSITIVE:
        power = {"poisson": 1, "gamma": 2, "tweedie": 1.5}[name]
        assert_allclose(score, d2_tweedie_score(y, predicted, power=power, sample_weight=weight))
    elif "quantile" in name or name == "absolute_error":
        # The best constant of scikit-learn lies between two rows.
        levels = np.atleast_1d(0.5 if model.quantile is None else model.quantile)
        theirs = [
            d2_pinball_score(y, column, alpha=tau, sample_weight=weight)
            for tau, column in zip(levels, predicted.T, strict=True)
        ]
        if len(levels) == 1:
            assert_allclose(score, np.mean(theirs), atol=1e-3)
        assert max(theirs) + 1e-3 >= score >= min(theirs) - 1e-3
    assert score > -0.2


def test_classes_by_their_logits():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(150, 2))
    logits = np.column_stack([2 * X[:, 0], np.zeros(150), X[:, 1] - 1])
    y = np.argmax(logits + rng.gumbel(size=logits.shape), axis=1)
    model = RFMClassifier(loss="log_loss", max_iter=1).fit(X, y)
    truth = np.exp(logits - logsumexp(logits, axis=1, keepdims=True))
    assert np.mean(np.abs(model.predict_proba(X) - truth)) < 0.1
    assert_allclose(model.predict_proba(X).sum(axis=1), 1)


# Gradients -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind, name", MODELS)
def test_gradients_are_on_the_scale_of_the_link(kind, name, fitted):
    model, scale = fitted[kind, name], scale_of(name)
    Z = amounts(10, seed=3)[0]
    differences = naive.five_point_gradient(lambda Z: columns(scale(model.predict(Z))), Z, h=1e-4)
    gradient = input_gradients(model, Z)
    assert_allclose(gradient, differences, atol=1e-4)
    assert_allclose(input_gradients(model, Z, method="differences"), gradient, atol=1e-5)


@pytest.mark.parametrize("kind, name", MODELS)
def test_local_importances_sum_to_the_change(kind, name, fitted):
    model, scale = fitted[kind, name], scale_of(name)
    X, _ = amounts()
    values = local_importances(model, X[:5], background=X)
    values = values[None] if values.ndim == 2 else values
    predicted = [columns(scale(model.predict(rows))) for rows in (X[:5], X.mean(axis=0)[None])]
    assert_allclose(values.sum(axis=2).T, predicted[0] - predicted[1], atol=1e-10)


@pytest.mark.parametrize("name", ["poisson", "quantiles", "huber"])
def test_agop_is_that_of_the_gradients(name, fitted):
    X, _ = amounts()
    for kind in ("one", "search"):
        model = fitted[kind, name]
        expected = naive.agop(input_gradients(model, X))
        assert_allclose(average_gradient_outer_product(model, X), expected, rtol=1e-8)
    assert fitted["one", name].agop_.shape == (3, 3)


def test_gradients_through_pipelines_and_searches():
    X, y = amounts()
    pipeline = make_pipeline(StandardScaler(), regressor("poisson")).fit(X, y)
    found = GridSearchCV(regressor("poisson"), {"alpha": [0.3]}, cv=2).fit(X, y)
    around = TransformedTargetRegressor(regressor("poisson")).fit(X, y)
    for model in (pipeline, found, around):
        exact, differences = (
            input_gradients(model, X[:5] + 0.01, method=how) for how in ("closed_form", "differences")
        )
        assert_allclose(exact, differences, atol=1e-5)
    halved = TransformedTargetRegressor(regressor("poisson"), func=np.sqrt, inverse_func=np.square).fit(X, y)
    differences = naive.five_point_gradient(lambda Z: halved.predict(Z)[:, None], X[:5] + 0.01, h=1e-4)
    assert_allclose(input_gradients(halved, X[:5] + 0.01), differences, atol=1e-3)


def test_feature_map_of_losses():
    X, y = amounts()
    for name in ("quantiles", "gamma"):
        assert AGOPFeatureMap(regressor(name), n_components=1).fit(X, y).transform(X).shape == (60, 1)


# What surrounds them ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind, name", MODELS)
def test_pickles_and_clones(kind, name, fitted):
    model, X = fitted[kind, name], amounts()[0]
    assert_array_equal(pickle.loads(pickle.dumps(model)).predict(X), model.predict(X))
    assert clone(model).get_params() == model.get_params()


def test_saved_by_skops(fitted):
    io = pytest.importorskip("skops.io")
    X = amounts()[0]
    for key in (("one", "quantiles"), ("one", "poisson"), ("search", "poisson")):
        data = io.dumps(fitted[key])
        unknown = io.get_untrusted_types(data=data)
        assert all(name.startswith("rfmlearn.") for name in unknown)
        assert_array_equal(io.loads(data, trusted=unknown).predict(X), fitted[key].predict(X))


def test_losses_are_chosen_in_grid_searches():
    X, y = amounts()
    grid = GridSearchCV(
        RFMRegressor(max_iter=1),
        {"loss": ["squared_error", "huber", "poisson"]},
        cv=2,
        scoring="neg_mean_absolute_error",
    ).fit(X, y)
    assert np.isfinite(grid.cv_results_["mean_test_score"]).all()


@pytest.mark.parametrize("name", ["quantiles", "poisson"])
def test_tables_with_categories_and_missing_numbers(name, pd):
    X, y = amounts()
    frame = pd.DataFrame(X, columns=list("abc"))
    frame.loc[3, "a"] = np.nan
    frame["k"] = pd.Categorical(np.where(X[:, 1] > 0, "x", "z"))
    for make in (regressor, search):
        model = make(name).fit(frame, y, groups=np.arange(60) // 2)
        assert np.isfinite(model.predict(frame)).all()
        assert local_importances(model, frame[:2]).shape[-1] == 4


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("others", [{"max_iter": 0}, {"feature_matrix": "full"}, {"feature_matrix": "block"}])
def test_forms_and_rounds(name, others):
    X, y = amounts()
    assert regressor(name, **others).fit(X, y).score(X, y) > 0


@pytest.mark.parametrize("name", NAMES)
def test_validation_sets_are_scored_by_the_loss(name):
    """The rounds by other losses, which learn features, have no score, and are not kept."""
    X, y = amounts(80)
    model = regressor(name, max_iter=3, n_iter_no_change=1).fit(X[:60], y[:60], X_val=X[60:], y_val=y[60:])
    losses = {record["n_iter"]: record["validation_loss"] for record in model.history_ if "validation_loss" in record}
    assert set(losses) <= {2, 3} and model.best_iter_ == min(losses, key=losses.get)
    same = regressor(name, max_iter=3).fit(X[:60], y[:60], X_val=X[:60], y_val=y[:60])
    if name in POSITIVE or name == "expectile":  # whose losses have no widths that adapt
        assert_allclose([record["validation_loss"] for record in same.history_[-1:]], same.history_[-1]["train_loss"])


def test_callback_time_limit_and_log(capsys):
    X, y = amounts()
    seen = []
    regressor("poisson", max_iter=3, callback=seen.append, verbose=True).fit(X, y)
    assert [entry.n_iter for entry in seen] == [0, 1, 2, 3]
    assert "solver newton" in capsys.readouterr().err
    for others in ({"callback": lambda _: True}, {"time_limit": 1e-6}, {"alpha": 0.1}):
        model = regressor("quantiles", max_iter=3, **others).fit(X, y)
        assert model.solver_ == "newton"
        assert (np.diff(model.predict(X), axis=1) >= 0).all()


@pytest.mark.parametrize("kind, name", MODELS)
def test_smaller_models_are_measured_by_the_loss(kind, name, fitted):
    X, y = amounts()
    model = fitted[kind, name]
    found = model.compress(0.5, X, y).compression_
    assert_allclose(found["before"]["loss"], 1 - model.score(X, y))
    assert found["after"]["loss"] <= 1.5 * found["before"]["loss"]
    with pytest.raises(ValueError, match="X and y"):
        model.compress(0.5)


@pytest.mark.parametrize("kind, name", MODELS)
def test_deviations_are_refused(kind, name, fitted):
    with pytest.raises(ValueError, match="loss='squared_error'"):
        fitted[kind, name].predict(amounts()[0], return_std=True)


@pytest.mark.parametrize("kind, name", [("one", "quantiles"), ("one", "gamma"), ("search", "poisson")])
def test_reports(kind, name, fitted, tmp_path):
    pytest.importorskip("matplotlib")
    X, y = amounts()
    write_report(fitted[kind, name], tmp_path / "report.html", X, y)
    page = (tmp_path / "report.html").read_text()
    assert "D2" in page and ("share below quantile 0.9" in page) == (name == "quantiles")


@pytest.mark.parametrize("name", ["quantiles", "poisson"])
def test_displays(name, fitted, close_figures):
    from rfmlearn import inspection

    X, y = amounts()
    for kind in ("one", "search"):
        model = fitted[kind, name]
        inspection.AGOPDisplay.from_estimator(model)
        inspection.ProjectionDisplay.from_estimator(model, X)
        inspection.FeatureImportanceDisplay.from_estimator(model, X, y)
        inspection.SlopeDisplay.from_estimator(model, X, target=0)
    inspection.RFMPathDisplay.from_estimator(fitted["one", name])


def test_summary_of_several_ridges(fitted):
    assert "machines compared" in fitted["search", "quantiles"].summary()


class ManyRows(RFMRegressor):
    large_budget = SMALL


@pytest.mark.parametrize("name", NAMES)
def test_many_rows(name):
    X, y = counts(400) if name == "poisson" else amounts(400)
    model = ManyRows(**PARAMETERS[name], max_iter=1).fit(X, y)
    assert model.solver_ == "landmarks" and len(model.X_fit_) <= 60
    assert model.score(X, y) > 0.05
    assert np.isfinite(input_gradients(model, X[:3])).all()
