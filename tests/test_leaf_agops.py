"""What matters leaf by leaf, and its picture."""

import pickle
from typing import ClassVar

import numpy as np
import pytest
from display_data import draw, pd, tick_names

from rfmlearn import AGOPFeatureMap, RFMRegressor
from rfmlearn.inspection import LeafAGOPDisplay
from rfmlearn.inspection._leaf_paths import leaf_paths
from rfmlearn.recursion._feature_matrix import blocks_diagonal
from rfmlearn.runtime._large_budget import LargeBudget


class Divided(RFMRegressor):
    large_budget: ClassVar[LargeBudget] = LargeBudget(
        leaf_rows=300, n_trees=1, packed_up_to=0, n_landmarks=150, n_learning_landmarks=100, n_pilot_rows=300
    )


def frame(n=1500):
    rng = np.random.default_rng(0)
    days = pd.to_timedelta(rng.uniform(0, 900, n), "D")
    table = pd.DataFrame(
        {
            "age": rng.uniform(0, 90, n),
            "height": rng.normal(170, 10, n),
            "colour": pd.Categorical(rng.choice(["red", "green", "blue"], n)),
            "when": pd.Timestamp("2020-01-01") + days,
        }
    )
    table.loc[::7, "height"] = np.nan
    return table, np.where(table["colour"] == "red", table["age"] / 30, 0.0) + days.days.to_numpy() / 500


@pytest.fixture(scope="module")
def model():
    return Divided(max_iter=1, solver="two_level", random_state=0).fit(*frame())


def test_they_are_the_agop_of_the_whole_function_over_the_rows_of_leaves(model):
    part = next(part for part in model.machine_.parts if hasattr(part, "tree"))
    found = model.leaf_agops_
    assert found.shape == (part.tree.n_leaves, len(model.coordinate_names_))
    rows = part.rows[part.starts[1] : part.starts[2]]
    rows = rows[np.linspace(0, len(rows) - 1, 50).round().astype(int)]
    expected = blocks_diagonal(model.machine_.agop((rows, np.full(50, 0.02))))
    np.testing.assert_allclose(found[1], expected, rtol=1e-4)
    assert model.leaf_agops_ is found  # computed once


def test_they_are_not_in_pickles(model):
    found, copy = model.leaf_agops_, pickle.loads(pickle.dumps(model))
    assert "array" not in vars(copy._leaf_agops)
    np.testing.assert_array_equal(copy.leaf_agops_, found)


def test_models_without_leaves_say_so():
    model = RFMRegressor(max_iter=0)
    assert not hasattr(model, "leaf_agops_")
    X = np.random.default_rng(0).normal(size=(40, 2))
    with pytest.raises(AttributeError, match=r"no leaves.*two_level"):
        model.fit(X, X[:, 0]).leaf_agops_  # noqa: B018
    with pytest.raises(ValueError, match="no leaves"):
        LeafAGOPDisplay.from_estimator(model)
    with pytest.raises(TypeError, match="AGOPFeatureMap"):
        LeafAGOPDisplay.from_estimator(AGOPFeatureMap(model).fit(X, X[:, 0]))


def _rows_of(text, table):
    """The rows that a text describes, read from the user's table."""
    found = np.ones(len(table), dtype=bool)
    for piece in text.replace(", ", "\0").replace("\0green", ", green").replace("\0red", ", red").split("\0"):
        if "colour" in piece:
            negated, names = "not " in piece, piece.split(": ")[1].removeprefix("not ").split(", ")
            found &= table["colour"].isin(names).to_numpy() != negated
            continue
        words = piece.split()
        if "<" in words:
            low, _, name, _, high = words
        else:
            name, sign, limit = words
            low, high = (None, limit) if sign == "≤" else (limit, None)
        as_value = pd.Timestamp if name == "when" else float
        values = table[name].fillna(table[name].median())
        found &= (values > as_value(low)).to_numpy() if low else True
        found &= (values <= as_value(high)).to_numpy() if high else True
    return found


def test_paths_are_in_the_units_of_the_table(model):
    table, _ = frame()
    part = next(part for part in model.machine_.parts if hasattr(part, "tree"))
    leaves = part.tree.leaves(model._points(table).astype(np.float32))
    texts = leaf_paths(part.tree, model._encoder)
    assert len(set(texts)) == part.tree.n_leaves
    for leaf, text in enumerate(texts):
        if "known" in text or "missing" in text:
            continue
        assert np.mean(_rows_of(text, table) == (leaves == leaf)) > 0.99, text  # numbers are rounded to four digits


def test_display(model):
    display = draw(LeafAGOPDisplay.from_estimator(model, max_features=2, max_leaves=3))
    assert tick_names(display.ax_.xaxis) == [display.names[j] for j in np.argsort(-display.average)[:2]]
    assert len(tick_names(display.ax_.yaxis)) == 3
    np.testing.assert_allclose(display.shares.sum(axis=1), 1.0)
    assert display.n_rows.sum() == 1500
    assert display.shares[:, 2].argmax() != display.shares[:, 2].argmin()


def test_display_checks():
    with pytest.raises(ValueError, match="shares"):
        LeafAGOPDisplay(np.ones((2, 2)), ["all"], np.array([1]), ["a", "b"])
