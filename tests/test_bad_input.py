"""Errors say what is wrong and where; what is merely odd works, without warnings and with finite results."""

import tracemalloc
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from threadpoolctl import threadpool_limits

import rfmlearn.runtime._memory
from rfmlearn import RFMClassifier, RFMRegressor

ESTIMATORS = [RFMRegressor, RFMClassifier]
KERNELS = ["laplace", "gaussian", "product_laplace", "lpq_laplace", "sum_power_laplace"]


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Threads that wait for each other would take most of the time of tests this small."""
    with threadpool_limits(1):
        yield


@pytest.fixture(params=ESTIMATORS)
def Estimator(request):
    return request.param


def data(n=30):
    X = np.random.default_rng(0).normal(size=(n, 3))
    return X, (X[:, 0] > 0).astype(int)


def outputs(model, X):
    """All that a model predicts, which must be finite, and probabilities, which must sum to one."""
    if isinstance(model, RFMRegressor):
        found = [model.predict(X)]
    else:
        proba = model.predict_proba(X)
        assert_allclose(proba.sum(axis=1), 1, rtol=1e-5)
        assert proba.min() >= 0
        assert set(model.predict(X)) <= set(model.classes_)
        found = [proba, model.decision_function(X)]
    for array in found:
        assert np.isfinite(array).all()
    assert np.isfinite(model.agop_).all()
    assert_allclose(model.feature_importances_.sum(), 1, rtol=1e-6)
    return found


def with_value(array, value, at):
    array = np.array(array, dtype=float)
    array[at] = value
    return array


# Tables


@pytest.mark.parametrize("value", [np.inf, -np.inf])
def test_infinity_in_an_array(Estimator, value):
    X, y = data()
    with pytest.raises(ValueError, match="Input X contains infinity"):
        Estimator().fit(with_value(X, value, (3, 1)), y)
    model = Estimator(max_iter=0).fit(X, y)
    with pytest.raises(ValueError, match="Input X contains infinity"):
        model.predict(with_value(X, value, (3, 1)))


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_infinity_in_a_frame_names_the_column(Estimator, library):
    module = pytest.importorskip(library)
    X, y = data()

    def frame(X):
        return module.DataFrame({"a": X[:, 0], "weight": X[:, 1], "c": X[:, 2]})

    with pytest.raises(ValueError, match=r"infinity.*'weight'"):
        Estimator().fit(frame(with_value(X, np.inf, (3, 1))), y)
    model = Estimator(max_iter=0).fit(frame(X), y)
    with pytest.raises(ValueError, match=r"infinity.*'weight'"):
        model.predict(frame(with_value(X, np.inf, (3, 1))))
    with pytest.raises(ValueError, match=r"infinity.*'weight'"):
        Estimator(max_iter=0).fit(frame(X), y, X_val=frame(with_value(X, np.inf, (3, 1))), y_val=y)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda X: X[:, 0], "Expected 2D array, got 1D array"),
        (lambda X: X[:, :, None], "dim 3"),
        (lambda X: X + 1j, "Complex data not supported"),
        (lambda X: sparse.csr_matrix(X), "[Ss]parse"),
        (lambda X: X[:, :0], "0 feature"),
        (lambda X: X[:0], "0 sample"),
        (lambda X: X[:29], "inconsistent numbers of samples: .29, 30."),
        (lambda X: np.array([[{"a": 1}, [2], {3}]] * 30, dtype=object), "argument must be .* string.* number"),
        (lambda X: "text", "Expected 2D array"),
        (lambda X: None, "Expected 2D array"),
    ],
    ids=["1-d", "3-d", "complex", "sparse", "no columns", "no rows", "fewer rows", "objects", "text", "None"],
)
def test_what_is_no_table(Estimator, change, match):
    X, y = data()
    with pytest.raises((ValueError, TypeError), match=match):
        Estimator().fit(change(X), y)


@pytest.mark.parametrize("columns", [2, 4])
def test_other_number_of_columns_than_in_fit(Estimator, columns):
    X, y = data()
    model = Estimator(max_iter=0).fit(X, y)
    with pytest.raises(ValueError, match=f"X has {columns} features, but {Estimator.__name__} is expecting 3 features"):
        model.predict(np.ones((5, columns)))
    with pytest.raises(ValueError, match=f"X has {columns} features"):
        Estimator(max_iter=0).fit(X, y, X_val=np.ones((30, columns)), y_val=y)


def test_dates_and_lists_name_their_column(Estimator):
    pd = pytest.importorskip("pandas")
    X, y = data()
    table = pd.DataFrame(X, columns=["a", "b", "c"])
    with pytest.raises(ValueError, match=r"'when'.*not numeric"):
        Estimator().fit(table.assign(when=pd.date_range("2020-01-01", periods=30)), y)
    with pytest.raises(TypeError, match="'parts'"):
        Estimator().fit(table.assign(parts=[[1, 2]] * 30), y)


def test_repeated_names_of_columns(Estimator):
    pd = pytest.importorskip("pandas")
    X, y = data()
    with pytest.raises(ValueError, match=r"Column names must be unique.*'b'"):
        Estimator().fit(pd.DataFrame(X, columns=["a", "b", "b"]), y)


def test_one_row(Estimator):
    X, y = data()
    if Estimator is RFMClassifier:
        with pytest.raises(ValueError, match="1 class"):
            Estimator().fit(X[:1], y[:1])
    else:
        try:
            model = Estimator().fit(X[:1], [7.0])
        except ValueError as error:
            assert "sample" in str(error)
        else:
            assert_allclose(model.predict(X), 7.0)


# Targets


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_target_that_is_not_finite(Estimator, value):
    X, y = data()
    with pytest.raises(ValueError, match=r"Input y contains (NaN|infinity)|y contains NaN"):
        Estimator().fit(X, with_value(y, value, 4))
    if Estimator is RFMRegressor:
        with pytest.raises(ValueError, match=r"Input y(_val)? contains (NaN|infinity)"):
            Estimator().fit(X, y, X_val=X, y_val=with_value(y, value, 4))


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA])
def test_missing_label(missing):
    X, y = data()
    labels = np.where(y, "yes", "no").astype(object)
    known = labels.copy()
    labels[4] = missing
    with pytest.raises(ValueError, match=r"y.* (missing|NaN|None)"):
        RFMClassifier().fit(X, labels)
    with pytest.raises(ValueError, match=r"y_val.* (missing|NaN|None|labels)"):
        RFMClassifier().fit(X, known, X_val=X, y_val=labels)


def test_target_of_wrong_length(Estimator):
    X, y = data()
    with pytest.raises(ValueError, match=r"inconsistent numbers of samples: .30, 29."):
        Estimator().fit(X, y[:29])


def test_target_of_wrong_shape(Estimator):
    X, y = data()
    with pytest.raises(ValueError, match=r"dim|shape"):
        Estimator().fit(X, np.ones((30, 2, 2)) * y[:, None, None])
    if Estimator is RFMClassifier:
        with pytest.raises(ValueError, match="shape"):
            Estimator().fit(X, np.column_stack([y, y]))


def test_no_target(Estimator):
    with pytest.raises(ValueError, match="requires y to be passed, but the target y is None"):
        Estimator().fit(data()[0], None)


def test_text_as_a_target_of_regression():
    X, y = data()
    with pytest.raises(ValueError, match=r"could not convert string to float|dtype"):
        RFMRegressor().fit(X, np.where(y, "yes", "no"))


def test_continuous_target_of_classification():
    X, _ = data()
    with pytest.raises(ValueError, match="Unknown label type"):
        RFMClassifier().fit(X, X[:, 0])


@pytest.mark.parametrize("weighted", [False, True])
def test_one_class(weighted):
    X, y = data()
    with pytest.raises(ValueError, match=r"RFMClassifier needs at least two classes.*1 class"):
        if weighted:
            RFMClassifier().fit(X, y, sample_weight=y)
        else:
            RFMClassifier().fit(X, np.full(30, "only"))


# Weights


@pytest.mark.parametrize(
    ("weights", "match"),
    [
        (with_value(np.ones(30), np.nan, 2), "(?i)sample_weight.*NaN"),
        (with_value(np.ones(30), np.inf, 2), "(?i)sample_weight.*infinity"),
        (with_value(np.ones(30), -1, 2), "(?i)negative.*sample_weight"),
        (np.zeros(30), "(?i)sample.weight.*zero"),
        (np.ones(29), r"sample_weight\.shape == .29,., expected .30,."),
        (np.ones((30, 1)), "(?i)sample.weights? must be 1D"),
    ],
    ids=["NaN", "infinite", "negative", "zero", "length", "2-d"],
)
def test_wrong_weights(Estimator, weights, match):
    X, y = data()
    with pytest.raises(ValueError, match=match):
        Estimator().fit(X, y, sample_weight=weights)
    with pytest.raises(ValueError, match=match) as caught:
        Estimator(max_iter=0).fit(X, y, X_val=X, y_val=y, sample_weight_val=weights)
    assert "sample_weight_val" in str(caught.value)


@pytest.mark.parametrize("class_weight", ["heavy", 3, {0: -1.0, 1: 1.0}, {0: 0.0, 1: 0.0}, {0: np.nan, 1: 1.0}])
def test_wrong_class_weights(class_weight):
    X, y = data()
    with pytest.raises(ValueError, match="class_weight"):
        RFMClassifier(class_weight=class_weight).fit(X, y)


# Validation sets


def test_half_a_validation_set(Estimator):
    X, y = data()
    with pytest.raises(ValueError, match="X_val was given without y_val"):
        Estimator().fit(X, y, X_val=X)
    with pytest.raises(ValueError, match="y_val was given without X_val"):
        Estimator().fit(X, y, y_val=y)
    with pytest.raises(ValueError, match="sample_weight_val was given without X_val and y_val"):
        Estimator().fit(X, y, sample_weight_val=np.ones(30))


def test_validation_set_of_two_lengths(Estimator):
    X, y = data()
    with pytest.raises(ValueError, match=r"inconsistent numbers of samples: .30, 20."):
        Estimator().fit(X, y, X_val=X, y_val=y[:20])


def test_unknown_labels_in_the_validation_set():
    X, y = data()
    with pytest.raises(ValueError, match=r"y_val has labels that y has not.*7"):
        RFMClassifier().fit(X, y, X_val=X, y_val=np.where(np.arange(30) == 3, 7, y))
    names = np.array(["no", "yes"])
    with pytest.raises(ValueError, match=r"y_val has labels that y has not.*maybe"):
        RFMClassifier().fit(X, names[y], X_val=X[:2], y_val=["yes", "maybe"])
    with pytest.raises(ValueError, match="y_val"):
        RFMClassifier().fit(X, names[y], X_val=X, y_val=y)  # numbers where names were


def test_validation_targets_with_other_outputs():
    X, y = data()
    with pytest.raises(ValueError, match="y_val has 2 outputs, but y has 1"):
        RFMRegressor().fit(X, y, X_val=X, y_val=np.column_stack([y, y]))


# Parameters


@pytest.mark.parametrize(
    "wrong",
    [
        {"kernel": "cosine"},
        {"kernel": None},
        {"bandwidth": 0.0},
        {"bandwidth": -1.0},
        {"bandwidth": "wide"},
        {"exponent": 0.0},
        {"exponent": 2.1},
        {"norm_p": 2.5},
        {"norm_p": 0},
        {"alpha": 0.0},
        {"alpha": -1.0},
        {"alpha": None},
        {"alpha": "small"},
        {"max_iter": -1},
        {"max_iter": 1.5},
        {"feature_matrix": "square"},
        {"agop_power": 0.0},
        {"agop_power": 1.5},
        {"shrinkage": -0.1},
        {"shrinkage": 1.1},
        {"n_agop_samples": 0},
        {"scaling": "log"},
        {"categorical_features": "all"},
        {"solver": "lu"},
        {"tol": 0.0},
        {"n_iter_no_change": 0},
        {"time_limit": 0},
        {"callback": "print"},
        {"random_state": "seed"},
    ],
    ids=str,
)
def test_wrong_parameters_are_named(Estimator, wrong):
    (name,) = wrong
    with pytest.raises(ValueError, match=f"The '{name}' parameter of {Estimator.__name__} must be"):
        Estimator(**wrong).fit(*data())


@pytest.mark.parametrize("name", ["bandwidth", "alpha", "exponent", "agop_power", "shrinkage", "tol", "time_limit"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_parameters_that_are_no_numbers(Estimator, name, value):
    with pytest.raises(ValueError, match=name):
        Estimator(**{name: value}).fit(*data())


def test_exponent_beyond_the_norm(Estimator):
    with pytest.raises(ValueError, match=r"exponent must lie in \(0, norm_p=1\.2\], got 1\.5"):
        Estimator("lpq_laplace", norm_p=1.2, exponent=1.5).fit(*data())


@pytest.mark.parametrize(
    ("spec", "match"),
    [
        ([7], "7"),
        (["a"], "'a'.*no column names"),
        ([True], "length 3, got 1"),
        ([0.5], "must be"),
        ([[0]], "must be"),
    ],
)
def test_wrong_categorical_features(Estimator, spec, match):
    with pytest.raises(ValueError, match=f"categorical_features.*{match}"):
        Estimator(categorical_features=spec).fit(*data())


# Memory


@pytest.mark.parametrize("solver", ["cholesky", "cg"])
def test_gram_matrix_that_does_not_fit(Estimator, solver, monkeypatch):
    monkeypatch.setattr(rfmlearn.runtime._memory, "available_bytes", lambda: 20 * 2**20)
    X = np.random.default_rng(0).normal(size=(2000, 3))
    tracemalloc.start()
    try:
        with pytest.raises(MemoryError, match=r"2000 rows takes about .* GiB .*subsample|float32"):
            Estimator(solver=solver).fit(X, (X[:, 0] > 0).astype(int))
        assert tracemalloc.get_traced_memory()[1] < 2000**2 * 4
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("available", [None, 2**40])
def test_gram_matrix_that_fits_or_may_fit(Estimator, available, monkeypatch):
    monkeypatch.setattr(rfmlearn.runtime._memory, "available_bytes", lambda: available)
    Estimator(max_iter=0).fit(*data())


@pytest.mark.parametrize("d", [3, 300])
def test_memory_error_proposes_rows_that_fit(d, monkeypatch):
    monkeypatch.setattr(rfmlearn.runtime._memory, "available_bytes", lambda: 2**26 + 8 * 700**2)
    X = np.random.default_rng(0).normal(size=(1000, d))
    with pytest.raises(MemoryError, match="at most about") as caught:
        RFMRegressor(max_iter=0).fit(X, X[:, 0])
    rows = int(0.95 * float(str(caught.value).split("at most about ")[1].split()[0].replace(",", "")))
    assert rows >= 100
    RFMRegressor(max_iter=0).fit(X[:rows], X[:rows, 0])


# Odd and allowed


@pytest.mark.parametrize("kernel", KERNELS)
def test_repeated_rows_with_different_targets(Estimator, kernel):
    X = np.repeat(data(10)[0], 6, axis=0)
    model = Estimator(kernel, max_iter=2).fit(X, np.tile([0, 1, 1], 20))
    (first, *_) = outputs(model, X)
    expected = 2 / 3 if Estimator is RFMRegressor else np.tile([1 / 3, 2 / 3], (60, 1))
    assert_allclose(first, np.broadcast_to(expected, first.shape), atol=0.02)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("scale", [1e300, 1e-300, 1e-310])
def test_scales_of_columns(Estimator, kernel, scale):
    X, y = data()
    X[:, 0] *= scale
    model = Estimator(kernel, max_iter=2).fit(X, y)
    outputs(model, X)
    assert np.argmax(model.feature_importances_) == 0


@pytest.mark.parametrize("scale", [1e300, 1e-300])
def test_new_points_out_of_all_proportion(Estimator, scale):
    X, y = data()
    model = Estimator(max_iter=2).fit(X, y)
    outputs(model, np.sign(X) * scale)
    outputs(Estimator(max_iter=1).fit(X, y, X_val=np.sign(X) * scale, y_val=y), X)


@pytest.mark.parametrize("scale", [1e300, 1e-300, 1e-310])
@pytest.mark.parametrize("kernel", KERNELS)
def test_scales_of_targets(kernel, scale):
    X, _ = data()
    y = X[:, 0] + 0.3 * X[:, 1]
    (found,) = outputs(RFMRegressor(kernel, max_iter=2).fit(X, y * scale), X)
    expected = RFMRegressor(kernel, max_iter=2).fit(X, y).predict(X)
    assert_allclose(found / scale, expected, rtol=1e-6 if scale > 1e-305 else 1e-3, atol=1e-6)


def test_largest_targets():
    X, _ = data()
    largest = np.finfo(float).max / 100  # scikit-learn sums targets to see whether they are finite
    outputs(RFMRegressor(max_iter=1).fit(X, np.sign(X[:, 0]) * largest), X)


def test_single_precision_with_targets_beyond_it():
    X, _ = data()
    model = RFMRegressor(max_iter=1).fit(X.astype(np.float32), 1e200 * X[:, 0])
    assert np.isfinite(model.predict(X.astype(np.float32))).all()


@pytest.mark.parametrize("value", [0.0, 0.1, -1e300, 1e-300])
def test_constant_target(value):
    X, _ = data()
    assert_array_equal(RFMRegressor(max_iter=2).fit(X, np.full(30, value)).predict(2 * X), value)


def test_nearly_constant_target():
    X, _ = data()
    y = 1e10 + 1e-6 * (X[:, 0] > 0)
    assert_allclose(outputs(RFMRegressor(max_iter=1).fit(X, y), X)[0], 1e10, rtol=1e-12)


@pytest.mark.parametrize("kernel", KERNELS)
def test_two_rows(Estimator, kernel):
    X = np.array([[0.0, 1.0], [1.0, 1.0]])
    outputs(Estimator(kernel, max_iter=2).fit(X, [0, 1]), X)
    outputs(Estimator(kernel, max_iter=2).fit(X, [0, 1]), np.zeros((1, 2)))


@pytest.mark.parametrize("form", ["full", "diagonal", "block"])
@pytest.mark.parametrize("kernel", KERNELS)
def test_one_column(Estimator, kernel, form):
    X, y = data()
    model = Estimator(kernel, feature_matrix=form, max_iter=2).fit(X[:, :1], y)
    outputs(model, X[:, :1])
    assert_array_equal(model.feature_importances_, [1.0])
    assert model.score(X[:, :1], y) > 0.6


@pytest.mark.parametrize("form", ["full", "diagonal", "block"])
@pytest.mark.parametrize("kernel", KERNELS)
def test_one_column_of_categories(Estimator, kernel, form):
    pd = pytest.importorskip("pandas")
    X, y = data()
    table = pd.DataFrame({"side": np.where(X[:, 0] > 0, "right", "left")})
    model = Estimator(kernel, feature_matrix=form, max_iter=2).fit(table, y)
    outputs(model, table)
    outputs(model, pd.DataFrame({"side": ["centre", None]}))
    assert model.score(table, y) > 0.6


@pytest.mark.parametrize("kernel", KERNELS)
def test_more_columns_than_rows(Estimator, kernel):
    X = np.random.default_rng(0).normal(size=(20, 500))
    outputs(Estimator(kernel, max_iter=1).fit(X, (X[:, 0] > 0).astype(int)), X)


@pytest.mark.parametrize("kernel", KERNELS)
def test_missing_everywhere(Estimator, kernel):
    X, y = data()
    outputs(Estimator(kernel, max_iter=2).fit(np.full((30, 3), np.nan), y), X)
    X[:, 1] = np.nan
    outputs(Estimator(kernel, max_iter=2).fit(X, y), np.zeros((2, 3)))


def test_category_with_as_many_levels_as_rows(Estimator):
    pd = pytest.importorskip("pandas")
    X, y = data()
    table = pd.DataFrame({"a": X[:, 0], "name": [f"row {i}" for i in range(30)]})
    for form in ("full", "diagonal", "block"):
        outputs(Estimator(feature_matrix=form, max_iter=2).fit(table, y), table)


def test_mixed_types_in_one_column(Estimator):
    pd = pytest.importorskip("pandas")
    X, y = data()
    table = pd.DataFrame({"a": X[:, 0], "b": pd.Series([1, "one", None, 2.5, True] * 6, dtype=object)})
    outputs(Estimator(max_iter=1).fit(table, y), table)


def test_nearly_repeated_rows(Estimator):
    X, y = data()
    X = np.vstack([X, X * (1 + 1e-15), X * (1 + 1e-9)])
    for kernel in KERNELS:
        outputs(Estimator(kernel, max_iter=2).fit(X, np.tile(y, 3)), X)


def test_very_many_and_very_rare_classes():
    X = np.random.default_rng(0).normal(size=(60, 3))
    outputs(RFMClassifier(max_iter=1).fit(X, np.arange(60) // 3), X)
    outputs(RFMClassifier(max_iter=1).fit(X, (np.arange(60) == 7).astype(int)), X)


def test_class_of_weight_zero():
    X, y = data()
    try:
        model = RFMClassifier(class_weight={0: 0.0}, max_iter=1).fit(X, y)
    except ValueError as error:
        assert "class" in str(error)
    else:
        assert_array_equal(model.predict(X), 1)
        outputs(model, X)


@pytest.mark.parametrize("alpha", [1e-10, 1e10])
def test_extreme_ridges(Estimator, alpha):
    X, y = data()
    for kernel in KERNELS:
        outputs(Estimator(kernel, alpha=alpha, max_iter=2).fit(X, y), X)


@pytest.mark.parametrize("bandwidth", [1e-10, 1e10])
def test_extreme_bandwidths(Estimator, bandwidth):
    X, y = data()
    for kernel in KERNELS:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*numerically singular")
            outputs(Estimator(kernel, bandwidth=bandwidth, max_iter=2).fit(X, y), X)


# Random tables

NUMBERS = st.floats(allow_nan=True, allow_infinity=False) | st.sampled_from([0.0, -0.0, 1.0, np.nan, 1e300, 5e-324])
WORDS = st.sampled_from(["a", "b", "", "a b", "é"]) | st.none()
FLAGS = st.booleans()


@st.composite
def tables(draw, kinds, n):
    """Columns by name, each of one kind, of n values."""
    values = [{"number": NUMBERS, "word": WORDS, "flag": FLAGS}[kind] for kind in kinds]
    return {f"c{j}": draw(st.lists(v, min_size=n, max_size=n)) for j, v in enumerate(values)}


@st.composite
def problems(draw):
    """A table to fit, one to predict, and how."""
    kinds = draw(st.lists(st.sampled_from(["number", "word", "flag"]), min_size=1, max_size=4))
    n = draw(st.integers(1, 10))
    setting = {
        "kernel": draw(st.sampled_from(KERNELS)),
        "feature_matrix": draw(st.sampled_from(["full", "diagonal", "block"])),
        "scaling": draw(st.sampled_from(["standard", "robust", "quantile"])),
        "max_iter": draw(st.integers(0, 2)),
        "alpha": draw(st.sampled_from([0.1, "auto"])),
    }
    return draw(tables(kinds, n)), draw(tables(kinds, 5)), kinds, setting


def frame(table, kinds):
    pd = pytest.importorskip("pandas")
    dtypes = {"number": "float64", "word": "object", "flag": "bool"}
    return pd.DataFrame({c: pd.Series(v, dtype=dtypes[k]) for (c, v), k in zip(table.items(), kinds, strict=True)})


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(problem=problems(), values=st.data())
def test_random_tables_of_regression(problem, values):
    table, new, kinds, setting = problem
    X, new = frame(table, kinds), frame(new, kinds)
    numbers = st.floats(-1e306, 1e306, allow_nan=False)
    y = values.draw(st.lists(numbers, min_size=len(X), max_size=len(X)))
    try:
        model = RFMRegressor(**setting).fit(X, y)
    except ValueError as error:
        assert str(error)
        return
    outputs(model, X)
    outputs(model, new)


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(problem=problems(), values=st.data())
def test_random_tables_of_classification(problem, values):
    table, new, kinds, setting = problem
    X, new = frame(table, kinds), frame(new, kinds)
    y = values.draw(st.lists(st.sampled_from(["p", "q", "r"]), min_size=len(X), max_size=len(X)))
    try:
        model = RFMClassifier(**setting).fit(X, y)
    except ValueError as error:
        assert len(set(y)) == 1 and "class" in str(error)
        return
    outputs(model, X)
    outputs(model, new)
