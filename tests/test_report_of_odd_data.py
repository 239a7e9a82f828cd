"""Reports about targets of any size, and about names that no font has."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

from rfmlearn import RFMRegressor
from rfmlearn.inspection import write_report

pytest.importorskip("matplotlib")
X = np.random.default_rng(0).normal(size=(40, 3))
Y = np.sin(X[:, 0])


def value_of(page, score):
    return float(re.search(rf">{score}</th><td>([-+.e\d]+)</td>", page).group(1))


@pytest.mark.parametrize("unit", [1e-300, 1e-162, 1e155, 1e300])
def test_scores_in_any_unit(unit, tmp_path):
    pages = []
    for scale in (1.0, unit):
        model = RFMRegressor(alpha=0.1, max_iter=1).fit(X, Y * scale)
        pages.append(write_report(model, tmp_path / "model.html", X, Y * scale).read_text(encoding="utf-8"))
    assert value_of(pages[1], "R2") == value_of(pages[0], "R2")
    for score in ("RMSE", "MAE"):
        assert value_of(pages[1], score) / unit == pytest.approx(value_of(pages[0], score), rel=1e-3)


def test_half_a_pair_of_surrogates(tmp_path):
    frame = pd.DataFrame(X, columns=pd.Index(["a\ud800b", "b", "c"], dtype=object))  # Arrow's text holds none
    frame["d"] = pd.Series(["\udfff", "x"] * 20, dtype=object)
    path = write_report(RFMRegressor(max_iter=1).fit(frame, Y), tmp_path / "model.html", frame, Y)
    assert "a?b" in path.read_text(encoding="utf-8")
