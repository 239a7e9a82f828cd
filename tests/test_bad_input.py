"""Errors about tables, targets, weights and validation sets say what is wrong and where."""

import numpy as np
import pandas as pd
import pytest
from estimator_data import ESTIMATORS
from numpy.testing import assert_allclose
from odd_data import data, with_value
from scipy import sparse

from rfmlearn import RFMClassifier, RFMRegressor


@pytest.fixture(params=ESTIMATORS)
def Estimator(request):
    return request.param


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
        (
            lambda X: [*X[1:].tolist(), [1.0]],
            "X must have rows of one length, but row 0 has length 3 and row 29 has length 1",
        ),
        (lambda X: [0.0, *X[1:]], "X must have rows of one length, but row 0 is no list and row 1 has length 3"),
        (lambda X: [*X[1:].tolist(), [[1.0], 2.0, 3.0]], "X must have one value in each place"),
        (lambda X: "text", "Expected 2D array"),
        (lambda X: None, "Expected 2D array"),
    ],
    ids=[
        *("1-d", "3-d", "complex", "sparse", "no columns", "no rows", "fewer rows", "objects"),
        *("ragged", "a number first", "lists in a row", "text", "None"),
    ],
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


def test_lists_name_their_column(Estimator):
    pd = pytest.importorskip("pandas")
    X, y = data()
    table = pd.DataFrame(X, columns=["a", "b", "c"])
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
    with pytest.raises(ValueError, match=r"y must hold real numbers, got .*: convert text"):
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
