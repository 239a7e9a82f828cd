"""Columns that are not of the type they had in fit: the same values are the same, and others not silently missing."""

import datetime as dt
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from table_data import frames

from rfmlearn import RFMClassifier, RFMRegressor, RFMRegressorCV
from rfmlearn.tables._encoder import ColumnEncoder
from rfmlearn.tables._values import meaning

N = 40
K = np.arange(N) * 7 % 4
TARGET = np.array([0.0, 3.0, -3.0, 6.0])[K]


def same_whole_numbers():
    pd = pytest.importorskip("pandas")
    text = (K + 1).astype(str)
    return {
        "int": K + 1,
        "float": K + 1.0,
        "int8": (K + 1).astype(np.int8),
        "nullable": pd.array(K + 1, dtype="Int64"),
        "category": pd.Categorical(K + 1),
        "category of text": pd.Categorical(text),
        "text": text.astype(object),
        "text of floats": (K + 1.0).astype(str).astype(object),
        "string": pd.array(text, dtype="string"),
        "numpy's text": pd.Series(list(text), dtype=object),
        "bytes": pd.Series([value.encode() for value in text.tolist()], dtype=object),
        "decimals": pd.Series([Decimal(int(k) + 1) for k in K], dtype=object),
    }


def same_flags():
    pd = pytest.importorskip("pandas")
    flags = K % 2 == 0
    return {
        "bool": flags,
        "nullable": pd.array(flags, dtype="boolean"),
        "objects": pd.Series(flags, dtype=object),
        "category": pd.Categorical(flags),
        "text": flags.astype(str),
        "small": np.char.lower(flags.astype(str)),
        "int": flags.astype(int),
    }


def same_days():
    pd = pytest.importorskip("pandas")
    days = np.datetime64("2020-01-01") + K
    return {
        "datetime64": days,
        "dates": pd.Series(days.tolist(), dtype=object),
        "category": pd.Categorical(pd.to_datetime(days)),
        "text": days.astype(str),
        "datetimes": pd.Series([dt.datetime(2020, 1, 1 + int(k)) for k in K], dtype=object),
    }


@pytest.mark.parametrize("same", [same_whole_numbers, same_flags, same_days])
def test_levels_are_compared_by_value(same, pd):
    columns = same()
    for kind, column in columns.items():
        encoder = ColumnEncoder(categorical_features=["c"]).fit(pd.DataFrame({"c": column}))
        expected = encoder.transform(pd.DataFrame({"c": column})).dense()
        assert expected.sum() == N
        for other, values in columns.items():
            found = encoder.transform(pd.DataFrame({"c": values})).dense()
            assert_array_equal(found, expected, err_msg=f"{kind}, then {other}")


@given(st.one_of(st.integers(-(10**30), 10**30), st.floats(allow_nan=False, allow_infinity=False), st.booleans()))
def test_text_of_a_value_means_it(value):
    assert meaning(str(value)) == value and meaning(str(value).encode()) == value


@given(st.text(max_size=8))
def test_text_means_itself_unless_it_is_the_text_of_something(text):
    found = meaning(text)
    assert found == text or str(found) == text or isinstance(found, (bool, dt.datetime)) or repr(found) == text


@pytest.mark.parametrize(
    "text", ["01001", "1.50", "+1", " 1", "1e3", "1_000", "inf1", "१", "-0", "00", "", "2020-13-01"]
)
def test_text_with_something_to_lose_means_itself(text):
    assert meaning(text) == text


def zips(pd):
    return pd.DataFrame({"zip": np.array(["01001", "02139", "10001", "94103"])[K], "x": np.linspace(0, 1, N)})


def test_codes_that_have_lost_their_zeros_are_refused(pd):
    X = zips(pd)
    message = r"'zip' holds numbers such as .*1001.* but in fit it held text such as '01001'.*: 1001 is not '01001'"
    for model in (RFMRegressor(max_iter=0), RFMRegressorCV([{"max_iter": 0}], cv=2)):
        model.fit(X, TARGET)
        with pytest.raises(ValueError, match=message):
            model.predict(X.assign(zip=X["zip"].astype(int)))
    model = RFMRegressor(max_iter=0, categorical_features=["zip"]).fit(X.assign(zip=X["zip"].astype(int)), TARGET)
    with pytest.raises(ValueError, match=r"'zip' holds text .* but in fit it held numbers"):
        model.predict(X)


@pytest.mark.parametrize("value", [9, 9.5, dt.date(2020, 1, 1), (1, 2)], ids=str)
def test_no_known_value_of_another_type_is_refused(value, pd):
    model = RFMClassifier(max_iter=0).fit(pd.DataFrame({"c": (K + 1).astype(str), "x": TARGET}), K > 1)
    for n in (1, 20):
        new = pd.DataFrame({"c": pd.Series([value] * n, dtype=object), "x": 0.0})
        with pytest.raises(ValueError, match=r"'c' holds .* but in fit it held text such as '1', '2', '3', \.\.\.: no"):
            model.predict(new)


def test_some_unknown_values_of_another_type_are_told(pd):
    model = RFMRegressor(max_iter=0).fit(pd.DataFrame({"c": (K + 1).astype(str)}), TARGET)
    with pytest.warns(
        UserWarning, match="'c' holds numbers such as 5, which count as missing, but in fit it held text"
    ):
        found = model.predict(pd.DataFrame({"c": [1, 5]}))
    assert_array_equal(found, model.predict(pd.DataFrame({"c": ["1", None]})))


def test_unseen_values_of_the_same_type():
    tables = {"c": ["a", "b"] * 9}, {"c": ["z"] * 12}, {"c": ["y", "z"] * 6}
    for train, one, many in zip(*map(frames, tables), strict=True):
        model = RFMRegressor(max_iter=0).fit(train, np.arange(18.0))
        expected = model.predict(one)  # all rows may well be of a new level
        with pytest.warns(UserWarning, match="such as '[yz]', '[yz]', none of which was seen in fit"):
            assert_array_equal(model.predict(many), expected)


def test_an_ensemble_tells_once(pd, recwarn):
    model = RFMRegressorCV([{"max_iter": 0}, {"kernel": "gaussian", "max_iter": 0}], cv=2, max_members=4)
    model.fit(pd.DataFrame({"c": np.array(["a", "b"])[K % 2], "x": TARGET}), TARGET + K)
    model.predict(pd.DataFrame({"c": ["y", "z"] * 6, "x": 0.0}))
    assert [str(warning.message)[:26] for warning in recwarn] == ["Column 'c' holds text such"]
    assert recwarn[0].filename == __file__


def test_folds_without_known_values_are_nothing_to_tell(pd):
    """Groups that are a column: no level of a test part is in its training part."""
    groups = np.repeat(np.arange(8), 5)
    X = pd.DataFrame({"site": [f"site {g}" for g in groups], "x": TARGET})
    model = RFMRegressorCV([{"max_iter": 0}], cv=4).fit(X, TARGET, groups=groups)
    assert model.fit_warnings_ == []


# Numbers


def test_text_that_means_numbers(pd, pl):
    model = RFMRegressor(max_iter=0).fit(pd.DataFrame({"a": TARGET}), TARGET)
    expected = model.predict(pd.DataFrame({"a": [1.5, 2.0]}))
    for same in (["1.5", "2"], [True + 0.5, "2"], pd.Categorical(["1.5", "2.0"]), pd.array([1.5, 2], dtype="Float32")):
        assert_array_equal(model.predict(pd.DataFrame({"a": same})), expected)
    assert_array_equal(model.predict(pl.DataFrame({"a": ["1.5", "2"]})), expected)


@pytest.mark.parametrize("values", [["1.5", "?"], [1.5, "u"], [1j, 2], [[1], [2]], [{"a": 1}, None]])
def test_what_is_no_number_is_refused(values, pd):
    model = RFMRegressor(max_iter=0).fit(pd.DataFrame({"a": TARGET}), TARGET)
    with pytest.raises(ValueError, match=r"'a' held numbers in fit, but holds .* now, such as"):
        model.predict(pd.DataFrame({"a": pd.Series(values, dtype=object)}))


# Columns of which nothing was learned


@pytest.mark.parametrize("kind", ["objects", "string", "float", "Int64", "constant", "text", "date", "Float32 array"])
def test_a_column_without_a_coordinate_is_ignored_whatever_it_holds(kind, pd):
    empty = {
        "objects": [None] * N,
        "string": pd.array([None] * N, dtype="string"),
        "float": np.full(N, np.nan),
        "Int64": pd.array([None] * N, dtype="Int64"),
        "constant": np.full(N, 3.0),
        "text": ["u"] * N,
        "date": np.full(N, np.datetime64("2020-01-01")),
        "Float32 array": np.full(N, np.nan, dtype=np.float32),
    }[kind]
    X = pd.DataFrame({"a": TARGET, "b": empty})
    model = RFMRegressor(max_iter=0).fit(X, TARGET)
    assert model.coordinate_names_ == ["a"]
    expected = model.predict(X[:2])
    for values in (["u", "v"], [1.0, np.inf], [None, None], [True, False], [[1], {}], [1j, 2], DATES, [b"x", (1,)]):
        column = pd.Series(values, dtype=object)
        for new in (X[:2].assign(b=column), X[:2].assign(b=column.infer_objects())):
            assert_array_equal(model.predict(new), expected)


DATES = [dt.date(2020, 1, 1), dt.datetime(2020, 1, 2)]


@pytest.mark.parametrize("empty", [np.nan, 3.0, None, "u"])
def test_arrays_and_lists_with_such_columns(empty):
    X = np.array([[value, empty] for value in TARGET], dtype=object)
    for table in (X, X.tolist(), X.astype(float) if isinstance(empty, float) else X):
        model = RFMRegressor(max_iter=0).fit(table, TARGET)
        assert model.coordinate_names_ == ["x0"]
        expected = model.predict(table[:2])
        for value in ("v", 1.0, None, np.inf, [1]):
            new = np.empty((2, 2), dtype=object)
            new[:, 0] = TARGET[:2]
            new[0, 1] = new[1, 1] = value
            assert_array_equal(model.predict(new), expected)
            if not isinstance(value, list):
                assert_array_equal(model.predict(new.tolist()), expected)


def test_infinity_in_a_constant_column_of_an_array():
    X = np.column_stack([TARGET, np.ones(N)])
    model = RFMRegressor(max_iter=0).fit(X, TARGET)
    expected, X[0, 1] = model.predict(X), np.inf
    assert_array_equal(model.predict(X), expected)
    X[0] = np.inf
    with pytest.raises(ValueError, match=r"contains infinity .* in column 'x0'"):
        model.predict(X)
