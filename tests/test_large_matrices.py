"""Feature matrices over very many coordinates: refused before they are allocated, or announced."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from rfmlearn import RFMClassifier, RFMRegressor, RFMRegressorCV
from rfmlearn.runtime import _memory

RNG = np.random.default_rng(0)


class Began(Exception):
    """What would take long has begun."""


@pytest.fixture
def at_once(monkeypatch):
    """Fits end where their rounds would begin."""

    def begin(*args):
        raise Began

    monkeypatch.setattr("rfmlearn.recursion._stopping.StoppingRule.run", begin)


@pytest.fixture
def little_memory(monkeypatch):
    monkeypatch.setattr(_memory, "available_bytes", lambda: 2**31)


def wide(n_columns):
    X = RNG.normal(size=(20, n_columns))
    return X, X[:, 0]


def texts(n_levels):
    X = pd.DataFrame({"size": RNG.normal(size=2 * n_levels), "city": [f"c{i // 2}" for i in range(2 * n_levels)]})
    return X, np.arange(2 * n_levels) % 2


@pytest.mark.parametrize("form", ["full", "block"])
def test_a_matrix_beyond_memory_is_refused(form, little_memory):
    with pytest.raises(MemoryError, match=r'over 9000 coordinates takes .* GiB, .*feature_matrix="diagonal"'):
        RFMRegressor(feature_matrix=form).fit(*wide(9000))
    with pytest.raises(MemoryError, match='feature_matrix="diagonal"'):
        RFMRegressorCV([{"feature_matrix": form}], cv=2).fit(*wide(9000))


def test_arrays_on_request_are_refused_too(monkeypatch):
    model = RFMRegressor(max_iter=1).fit(*wide(3000))
    monkeypatch.setattr(_memory, "available_bytes", lambda: 2**27)
    for name in ("agop_", "feature_matrix_"):
        with pytest.raises(MemoryError, match=rf"{name} over all 3000 coordinates takes 0.134 GiB"):
            getattr(model, name)
    assert model.feature_importances_.shape == (3000,)


def test_many_columns_are_announced(at_once):
    with pytest.warns(UserWarning, match=r'"full" takes .* over 4001 coordinates .*numeric\. Take .*"diagonal"\.$'):
        with pytest.raises(Began):
            RFMRegressor(feature_matrix="full").fit(*wide(4001))


@pytest.mark.parametrize("form", ["full", "block"])
def test_many_categories_are_announced_by_their_column(form, at_once):
    with pytest.warns(UserWarning, match=r'4100 of its coordinates are .*as "city=c0".*"target"') as caught:
        with pytest.raises(Began):
            RFMClassifier(feature_matrix=form).fit(*texts(4100))
    assert caught[0].filename == __file__
    assert ('or feature_matrix="block"' in str(caught[0].message)) == (form == "full")


@pytest.mark.parametrize("settings", [{}, {"feature_matrix": "full", "categorical_encoding": "target"}])
def test_what_is_quick_is_not_announced(settings, at_once):
    with pytest.raises(Began):
        RFMClassifier(**settings).fit(*texts(4100))
    with pytest.raises(Began):
        RFMRegressor(feature_matrix="full", max_iter=0).fit(*wide(4001))
