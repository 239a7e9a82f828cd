"""Estimators on tables of columns of any kind: what is learned of them, columns and values that change."""

from itertools import pairwise

import numpy as np
import pytest
from estimator_data import ESTIMATORS, KERNELS
from mixed_frames import FORMS, columns, object_array, pandas_frame, polars_frame, scores, target
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.metrics import r2_score

from rfmlearn import RFMClassifier, RFMRegressor

NAMES = ["age", "noise", "color", "city", "flag"]


@pytest.fixture(params=[pandas_frame, polars_frame], ids=["pandas", "polars"])
def to_frame(request):
    return request.param


# What is learned of columns


@pytest.mark.parametrize("Estimator", ESTIMATORS)
@pytest.mark.parametrize("form", FORMS)
def test_columns_of_a_frame(Estimator, form, to_frame):
    table, new = columns(), columns(150, seed=5)
    y = target(Estimator, table)
    model = Estimator(feature_matrix=form, max_iter=2).fit(to_frame(table), y)
    assert model.n_features_in_ == 5
    assert list(model.feature_names_in_) == NAMES
    assert model.feature_importances_.shape == (5,)
    assert model.feature_importances_.min() >= 0
    assert_allclose(model.feature_importances_.sum(), 1, rtol=1e-12)
    assert set(np.argsort(model.feature_importances_)[-2:]) == {0, 2}
    assert model.score(to_frame(new), target(Estimator, new)) > 0.85


@pytest.mark.parametrize("Estimator", ESTIMATORS)
@pytest.mark.parametrize("kernel", KERNELS)
def test_matrices_of_a_frame(Estimator, kernel, to_frame):
    table = columns()
    model = Estimator(kernel, max_iter=2).fit(to_frame(table), target(Estimator, table))
    # age, noise, noise missing; 3 colors and missing; 4 cities; 2 flags
    for matrix in (model.agop_, model.feature_matrix_):
        assert matrix.shape == (13, 13)
        assert_allclose(matrix, matrix.T, rtol=1e-10, atol=1e-12)
        assert np.linalg.eigvalsh(matrix).min() > -1e-10 * np.abs(matrix).max()
    diagonal = np.diag(model.agop_)
    parts = [diagonal[0], diagonal[1:3].sum(), diagonal[3:7].sum(), diagonal[7:11].sum(), diagonal[11:].sum()]
    assert_allclose(model.feature_importances_, np.array(parts) / diagonal.sum(), rtol=1e-10)


def test_blocks_do_not_mix(to_frame):
    table = columns()
    model = RFMRegressor(feature_matrix="block", max_iter=2).fit(to_frame(table), target(RFMRegressor, table))
    edges = [0, 3, 7, 11, 13]
    inside = np.zeros((13, 13), dtype=bool)
    for start, stop in pairwise(edges):
        inside[start:stop, start:stop] = True
    assert not model.feature_matrix_[~inside].any()
    assert model.feature_matrix_[3, 4] != 0  # two colors
    assert model.agop_[0, 3] != 0  # the AGOP is that of the function, whatever is done with it


@pytest.mark.parametrize("Estimator", ESTIMATORS)
@pytest.mark.parametrize("kernel", ["laplace", "product_laplace"])
def test_diagonal_and_block_agree_where_every_block_is_one_coordinate(Estimator, kernel):
    table = {name: values for name, values in columns().items() if name in ("age",)}
    y = target(Estimator, columns())
    X = np.asarray(table["age"])[:, None]
    models = [Estimator(kernel, feature_matrix=form, max_iter=2).fit(X, y) for form in FORMS]
    for model in models[1:]:
        assert_allclose(scores(model, X), scores(models[0], X), rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("Estimator", ESTIMATORS)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kernel", ["laplace", "sum_power_laplace"])
def test_kinds_of_tables_agree(Estimator, kernel, form):
    table = {name: values for name, values in columns(60).items() if name != "flag"}
    y = target(Estimator, table)
    pandas = scores(Estimator(kernel, feature_matrix=form, max_iter=1).fit(pandas_frame(table), y), pandas_frame(table))
    polars = scores(Estimator(kernel, feature_matrix=form, max_iter=1).fit(polars_frame(table), y), polars_frame(table))
    array = scores(Estimator(kernel, feature_matrix=form, max_iter=1).fit(object_array(table), y), object_array(table))
    assert_allclose(polars, pandas, rtol=1e-10)
    assert_allclose(array, pandas, rtol=1e-10)


@pytest.mark.parametrize("kernel", KERNELS)
def test_block_form_equals_full_form_before_any_learning(kernel, to_frame):
    table = columns(60)
    y = target(RFMRegressor, table)
    fits = [RFMRegressor(kernel, feature_matrix=form, max_iter=0).fit(to_frame(table), y) for form in FORMS]
    for fit in fits[1:]:
        assert_allclose(fit.predict(to_frame(table)), fits[0].predict(to_frame(table)), rtol=1e-8)
    assert_allclose(np.diag(fits[1].agop_), np.diag(fits[0].agop_), rtol=1e-7, atol=1e-12)
    assert_allclose(np.diag(fits[2].agop_), np.diag(fits[0].agop_), rtol=1e-7, atol=1e-12)


def test_names_of_categories_do_not_matter():
    table = columns(60)
    y = target(RFMRegressor, table)
    renamed = {**table, "city": np.array([f"{name[::-1]}!" for name in table["city"]], dtype=object)}
    ours = RFMRegressor(max_iter=2).fit(pandas_frame(renamed), y)
    theirs = RFMRegressor(max_iter=2).fit(pandas_frame(table), y)
    assert_allclose(ours.predict(pandas_frame(renamed)), theirs.predict(pandas_frame(table)), rtol=1e-6, atol=1e-7)


def test_unused_levels_of_a_categorical_type_do_not_matter():
    pd = pytest.importorskip("pandas")
    table = columns(60)
    y = target(RFMRegressor, table)
    plain, wide = pandas_frame(table), pandas_frame(table)
    wide["color"] = pd.Categorical(table["color"], categories=["red", "violet", "green", "blue", "pink"])
    ours = RFMRegressor(max_iter=1).fit(wide, y).predict(wide)
    assert_allclose(ours, RFMRegressor(max_iter=1).fit(plain, y).predict(plain), rtol=1e-10)


def test_categorical_features_by_hand():
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 6, size=(90, 1)).astype(float)
    X = np.hstack([codes, rng.normal(size=(90, 2))])
    y = np.array([3.0, -1.0, 2.0, -3.0, 0.5, -2.0])[codes[:, 0].astype(int)]
    fits = [RFMRegressor(max_iter=1, categorical_features=spec).fit(X, y) for spec in ([0], [True, False, False], None)]
    assert_allclose(fits[0].predict(X), fits[1].predict(X), rtol=1e-12)
    assert fits[0].agop_.shape == (8, 8) and fits[2].agop_.shape == (3, 3)
    assert r2_score(y, fits[0].predict(X)) > r2_score(y, fits[2].predict(X))


def test_names_of_categorical_features(to_frame):
    table = columns(60)
    y = target(RFMRegressor, table)
    named = RFMRegressor(max_iter=1, categorical_features=["color", "city", "flag"]).fit(to_frame(table), y)
    found = RFMRegressor(max_iter=1).fit(to_frame(table), y)
    assert_allclose(named.predict(to_frame(table)), found.predict(to_frame(table)), rtol=1e-12)


# Columns and values that change


@pytest.mark.parametrize("Estimator", ESTIMATORS)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kernel", KERNELS)
def test_unseen_and_missing_categories(Estimator, kernel, form):
    to_frame = [pandas_frame, polars_frame][(KERNELS.index(kernel) + FORMS.index(form)) % 2]  # each with each of both
    table = columns()
    model = Estimator(kernel, feature_matrix=form, max_iter=1).fit(to_frame(table), target(Estimator, table))
    new = {name: values[:4].copy() for name, values in table.items()}
    new["color"][:4] = ["red", "violet", None, "indigo"]
    new = {name: np.repeat(values[:1], 4) if name != "color" else values for name, values in new.items()}
    predicted = scores(model, to_frame(new))
    assert np.isfinite(predicted).all()
    assert_allclose(predicted[1], predicted[2], rtol=1e-12)  # color was missing in training: unseen means missing
    assert_allclose(predicted[1], predicted[3], rtol=1e-12)
    assert np.abs(predicted[0] - predicted[1]).max() > 1e-6


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_missing_where_nothing_was_missing_in_training(Estimator, to_frame):
    table = {name: values for name, values in columns().items() if name != "flag"}
    model = Estimator(max_iter=1).fit(to_frame(table), target(Estimator, table))
    new = {name: np.repeat(values[:1], 3) for name, values in table.items()}
    new["age"][1] = np.nan
    new["city"][1:] = [None, "Atlantis"]
    predicted = scores(model, to_frame(new))
    assert np.isfinite(predicted).all()
    new["age"][1] = new["age"][0]
    predicted = scores(model, to_frame(new))
    # The digits of a probability are those of one: what is nearly zero is one less what is nearly one.
    assert_allclose(predicted[1], predicted[2], rtol=1e-12, atol=1e-12 * np.abs(predicted[1]).max())


@pytest.mark.parametrize("Estimator", ESTIMATORS)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kernel", KERNELS)
def test_constant_column_is_ignored(Estimator, kernel, form):
    pytest.importorskip("pandas")
    value = [5.0, np.nan, "text"][(KERNELS.index(kernel) + FORMS.index(form)) % 3]  # each with each of both
    table = columns(50)
    y = target(Estimator, table)
    constant = np.full(50, value, dtype=object if isinstance(value, str) or value is None else float)
    wider = {"first": constant, **table}
    model = Estimator(kernel, feature_matrix=form, max_iter=2).fit(pandas_frame(wider), y)
    reference = Estimator(kernel, feature_matrix=form, max_iter=2).fit(pandas_frame(table), y)
    assert_allclose(scores(model, pandas_frame(wider)), scores(reference, pandas_frame(table)), rtol=1e-6, atol=1e-7)
    assert_allclose(model.feature_importances_[0], 0, atol=1e-9)
    assert_allclose(model.feature_importances_[1:], reference.feature_importances_, rtol=1e-6, atol=1e-9)
    assert model.kernel_.bandwidth == pytest.approx(reference.kernel_.bandwidth, rel=1e-7)


@pytest.mark.parametrize("scaling", [None, "standard", "robust", "quantile"])
@pytest.mark.parametrize("value", [0.1, -1e300, 1e-300, 0.0, np.nan])
def test_constant_number_is_ignored_by_every_scaling(value, scaling):
    if scaling is None and abs(value) > 1e150:
        pytest.skip("a distance between such numbers as they are is no number")
    rng = np.random.default_rng(0)
    X = rng.normal(size=(50, 2))
    y = X[:, 0] + 0.1 * rng.normal(size=50)
    wider = np.hstack([np.full((50, 1), value), X])
    model = RFMRegressor(max_iter=2, scaling=scaling).fit(wider, y)
    reference = RFMRegressor(max_iter=2, scaling=scaling).fit(X, y)
    assert_allclose(model.predict(wider), reference.predict(X), rtol=1e-6, atol=1e-7)
    assert_allclose(model.feature_importances_[0], 0, atol=1e-9)


@pytest.mark.parametrize("scaling", ["standard", "robust", "quantile"])
def test_constant_column_may_change_later(scaling):
    rng = np.random.default_rng(0)
    X = np.hstack([rng.normal(size=(50, 2)), np.full((50, 1), 0.1)])
    model = RFMRegressor(max_iter=1, scaling=scaling).fit(X, X[:, 0])
    expected = model.predict(X)
    X[:, 2] = np.linspace(-1e6, 1e6, 50)
    assert_allclose(model.predict(X), expected, rtol=1e-12)


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_all_columns_constant(Estimator):
    y = target(Estimator, columns(50))
    model = Estimator(max_iter=2).fit(np.ones((50, 3)), y)
    assert_allclose(model.feature_importances_, 1 / 3)
    if Estimator is RFMRegressor:
        assert_allclose(model.predict(np.ones((4, 3))), y.mean(), rtol=1e-10)
    else:
        assert_allclose(model.predict_proba(np.ones((4, 3))), 0.5, atol=0.05)


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_constant_target_leaves_equal_importances(Estimator):
    table = columns(50)
    if Estimator is RFMClassifier:
        y = np.tile(["a", "b"], 25)
        X = np.repeat(np.arange(25.0)[:, None], 2, axis=0)  # both classes at every point
        model = Estimator(max_iter=2).fit(X, y)
        assert_allclose(model.predict_proba(X), 0.5, atol=1e-6)
    else:
        X = pandas_frame(table)
        model = Estimator(max_iter=2).fit(X, np.full(50, 7.25))
        assert_array_equal(model.predict(X), 7.25)
        assert_allclose(model.feature_importances_, 1 / 5)


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_columns_in_another_order(Estimator, to_frame):
    table = columns()
    model = Estimator(max_iter=1).fit(to_frame(table), target(Estimator, table))
    with pytest.raises(ValueError, match="same order"):
        model.predict(to_frame(table)[NAMES[::-1]])
    with pytest.raises(ValueError, match="missing:\n- city"):
        model.predict(to_frame(table)[[name for name in NAMES if name != "city"]])
    with pytest.raises(ValueError, match="unseen at fit time:\n- extra"):
        model.predict(to_frame({**table, "extra": table["age"]}))


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_columns_of_the_validation_set(Estimator, to_frame):
    table = columns()
    y = target(Estimator, table)
    with pytest.raises(ValueError, match="same order"):
        Estimator(max_iter=1).fit(to_frame(table), y, X_val=to_frame(table)[NAMES[::-1]], y_val=y)


def test_frame_in_training_and_array_later_warns():
    rng = np.random.default_rng(0)
    pd = pytest.importorskip("pandas")
    X = rng.normal(size=(30, 2))
    model = RFMRegressor(max_iter=0).fit(pd.DataFrame(X, columns=["a", "b"]), X[:, 0])
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        predicted = model.predict(X)
    assert_allclose(predicted, model.predict(pd.DataFrame(X, columns=["a", "b"])))


def test_text_in_a_column_that_was_numeric(to_frame):
    table = columns(60)
    model = RFMRegressor(max_iter=0).fit(to_frame(table), target(RFMRegressor, table))
    new = {**table, "age": table["city"]}
    pandas = to_frame is pandas_frame
    frame = pandas_frame(new) if pandas else polars_frame(table).with_columns(age=polars_frame(table)["city"])
    with pytest.raises(ValueError, match="'age'"):
        model.predict(frame)
