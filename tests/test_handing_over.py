"""What docs/uncertainty.md shows of other packages runs, and covers; skipped without them."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import numpy as np
import pytest

from rfmlearn import RFMRegressor

PAGE = Path(__file__).parents[1] / "docs" / "uncertainty.md"
BLOCKS = [block for block in re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)] if PAGE.exists() else []


@pytest.mark.parametrize("package", ["mapie.classification", "StdConformityScore", "ConformalizedQuantile", "crepes"])
@pytest.mark.filterwarnings("ignore")
def test_block(package):
    (block,) = [block for block in BLOCKS if package in block]
    pytest.importorskip("crepes" if package == "crepes" else "mapie")
    if "loss=" in block and "loss" not in inspect.signature(RFMRegressor).parameters:
        pytest.skip("there is no loss here")
    names: dict = {}
    exec(block, names)
    if "intervals" in names:
        low, high = np.asarray(names["intervals"]).reshape(-1, 2).T
        assert 0.8 < np.mean((low <= names["y_new"]) & (names["y_new"] <= high)) < 1
