"""Fixtures that several test files share."""

import numpy as np
import pytest
from hypothesis import settings

settings.register_profile("rfmlearn", deadline=None, derandomize=True)
settings.load_profile("rfmlearn")


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def small_tiles(monkeypatch):
    """Tiles so small that tens of points need many, of different shapes at the edges."""
    monkeypatch.setattr("rfmlearn.kernels._base.TILE", (7, 11))
