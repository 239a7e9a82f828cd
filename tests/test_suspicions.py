"""Text that should be numbers or dates, and ids: told once, by name, with the way out; and what is not told."""

import warnings

import numpy as np
import pytest
from table_data import frames

from rfmlearn import AGOPFeatureMap, DeepRFMRegressor, RFMClassifierCV, RFMRegressor, RFMRegressorCV
from rfmlearn.tables._encoder import ColumnEncoder
from rfmlearn.tables._frames import check_table

N = 200
RNG = np.random.default_rng(0)
REALS = RNG.normal(size=N).round(3)
WHOLE = RNG.integers(18, 80, N)
DATES = np.datetime64("2020-01-01") + np.arange(N)


def suspicions(column, **parameters):
    """What is told of a column, in each library."""
    found = [ColumnEncoder(**parameters).fit(X).suspicions_ for X in frames({"a b": column})]
    for messages in found:
        assert messages == found[0]
    return found[0]


def marked(values, mark):
    texts = [str(value) for value in values]
    texts[5] = mark
    return texts


NUMBERS = {
    "reals": REALS.astype(str),
    "whole numbers": WHOLE.astype(str),
    "one '?'": marked(REALS, "?"),
    "empty text": marked(REALS, ""),
    "a word": marked(WHOLE, "unknown"),
    "few grades and a gap": marked(RNG.integers(1, 11, N), "?"),
    "with gaps": [None if k % 3 == 0 else str(value) for k, value in enumerate(REALS)],
    "exponents": [f"{value:.3e}" for value in REALS],
    "dollars": [f"${1e4 * abs(value):,.2f}" for value in REALS],
    "percent": [f"{value:.1f} %" for value in REALS],
    "commas": [f"{value:.3f}".replace(".", ",") for value in REALS],
}


@pytest.mark.parametrize("kind", NUMBERS)
def test_text_that_is_numbers(kind):
    (message,) = suspicions(list(NUMBERS[kind]))
    assert message.startswith("Column 'a b' is text, though it mostly holds numbers")
    assert ("pandas.to_numeric(" in message) == (kind not in ("dollars", "percent", "commas"))
    assert "name it in categorical_features" in message


@pytest.mark.parametrize(
    "texts",
    [
        DATES.astype(str),
        [f"{day} 12:30:00" for day in DATES],
        [f"{day}T12:30" for day in DATES],
        [day.strftime("%d/%m/%Y") for day in DATES.tolist()],
        [day.strftime("%d.%m.%y") for day in DATES.tolist()],
        [day.strftime("%b %d, %Y") for day in DATES.tolist()],
        [day.strftime("%d %B %Y") for day in DATES.tolist()],
        marked(DATES, "n/a"),
    ],
)
def test_text_that_is_dates(texts):
    (message,) = suspicions(list(texts))
    assert "'a b' is text, though it mostly holds dates" in message and "pandas.to_datetime(" in message


@pytest.mark.parametrize("values", [[f"id-{k}" for k in range(N)], [f"{k:06d}" for k in range(N)], "free"])
def test_a_new_value_in_almost_every_row(values, pd):
    values = [" ".join(RNG.choice(list("abcdefgh"), 6)) for _ in range(N)] if values == "free" else values
    (message,) = suspicions(values)
    assert "'a b' is a category with" in message and "Drop it if it holds ids" in message
    assert suspicions(values, categorical_features=["a b"]) == [message]  # whoever declares them
    assert ColumnEncoder().fit(pd.DataFrame({"a b": pd.Categorical(values)})).suspicions_


@pytest.mark.parametrize(
    "values",
    [
        RNG.choice(["1", "2", "3"], N),
        RNG.choice(["2", "4", "more"], N),
        RNG.integers(0, 24, N).astype(str),  # hours
        RNG.choice([f"{zip_code:05d}" for zip_code in range(900, 1000)], N),  # a number would lose the zeros
        RNG.choice(["jan", "feb", "mar"], N),
        RNG.choice([f"shop {k}" for k in range(60)], N),
        RNG.choice([f"1.{k}.{k % 3}" for k in range(30)], N),  # versions
        np.repeat("a", N),
        [None] * N,
        WHOLE,
        REALS,
        WHOLE > 40,
        DATES.tolist(),
    ],
)
def test_what_is_not_suspicious(values):
    values = values if isinstance(values, list) else values.tolist()
    assert suspicions(values) == []


def test_what_is_declared_is_meant(pd):
    codes = WHOLE.astype(str)
    assert ColumnEncoder().fit(pd.DataFrame({"zip": pd.Categorical(codes)})).suspicions_ == []
    assert ColumnEncoder(categorical_features=["zip"]).fit(pd.DataFrame({"zip": codes})).suspicions_ == []


def test_few_rows_are_not_suspicious(pd):
    assert suspicions([f"id-{k}" for k in range(20)]) == []


def test_ids_that_are_whole_numbers():
    (message,) = suspicions([str(10_000 + 7 * k) for k in range(N)])
    assert "mostly holds numbers" in message and message.endswith("Drop it if it holds ids.")


def test_numbers_and_a_mark_among_objects(pd):
    X = pd.DataFrame({"a": REALS}).astype(object)
    X.loc[0, "a"] = "?"
    for table in (X, X.to_numpy()):
        (message,) = ColumnEncoder().fit(check_table(table)).suspicions_
        assert "mostly holds numbers besides '?'" in message


def test_names_may_be_odd(pd):
    (message,) = ColumnEncoder().fit(pd.DataFrame({"{x}%s\n": REALS.astype(str)})).suspicions_
    assert repr("{x}%s\n") in message
    (message,) = ColumnEncoder().fit(pd.DataFrame({"a": marked(REALS, "{}")})).suspicions_ or [""]
    assert "besides '{}'" in message


@pytest.mark.parametrize(
    "model",
    [
        RFMRegressor(max_iter=0),
        RFMRegressorCV([{"max_iter": 0}, {"max_iter": 0, "categorical_encoding": "target"}], cv=3),
        RFMClassifierCV([{"max_iter": 0}], cv=3),
        DeepRFMRegressor(n_layers=1),
        AGOPFeatureMap(RFMRegressor(max_iter=0)),
    ],
    ids=lambda model: type(model).__name__,
)
def test_estimators_tell_once(model, pd):
    X, y = pd.DataFrame({"a": marked(REALS, "?"), "b": REALS}), (REALS > 0).astype(int)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(X[:80], y[:80])
    assert [warning.category for warning in caught] == [UserWarning]
    assert caught[0].filename == __file__
    if hasattr(model, "fit_warnings_"):
        assert model.fit_warnings_ == [str(caught[0].message)]


def test_a_search_takes_columns_as_all_rows_say(pd):
    """The training part of a fold may hold numbers only, and its test part the one text."""
    X = pd.DataFrame({"a": pd.Series([*range(59), "?"], dtype=object), "b": REALS[:60]})
    for table in (X, X.to_numpy()):
        with pytest.warns(UserWarning, match="mostly holds numbers besides"):
            RFMRegressorCV([{"max_iter": 0}], cv=3).fit(table, REALS[:60])


@pytest.mark.parametrize("kind", ["empty", "one number", "one text", "constant", "one date"])
def test_folds_may_see_nothing_of_a_column(kind, pd):
    column = np.full(60, np.nan, dtype=object)
    column[3] = {"empty": np.nan, "one number": 1.5, "one text": "u", "one date": DATES[0].item()}.get(kind, 0)
    if kind == "constant":
        column[:] = 0
    X = pd.DataFrame({"a": column, "b": REALS[:60]})
    for table in (X, X.convert_dtypes(), X.to_numpy()):
        model = RFMRegressorCV([{"max_iter": 0}, {"max_iter": 0, "categorical_encoding": "target"}], cv=3)
        assert model.fit(table, REALS[:60]).fit_warnings_ == []
