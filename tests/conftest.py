"""Fixtures that several test files share."""

import numpy as np
import pytest
from hypothesis import settings
from sklearn.datasets import load_digits
from threadpoolctl import threadpool_limits

from rfmlearn import RFMRegressor, RFMRegressorCV

settings.register_profile("rfmlearn", deadline=None, derandomize=True)
settings.load_profile("rfmlearn")


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def pd():
    return pytest.importorskip("pandas")


@pytest.fixture
def pl():
    return pytest.importorskip("polars")


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Threads that wait for each other would take most of the time of tests this small; some files need them."""
    with threadpool_limits(1):
        yield


@pytest.fixture(scope="module")
def one_torch_thread():
    """Threads cost more than they bring on matrices this small."""
    torch = pytest.importorskip("torch")
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(n_threads)


@pytest.fixture(scope="session")
def digits():
    """300 training and 300 test images of 8 x 8 pixels."""
    X, y = load_digits(return_X_y=True)
    images = X.reshape(-1, 8, 8) / 16
    return images[:300], y[:300], images[300:600], y[300:600]


@pytest.fixture
def close_figures():
    """Figures of pyplot are closed after a test."""
    plt = pytest.importorskip("matplotlib.pyplot")
    yield
    plt.close("all")


@pytest.fixture(scope="session")
def regressor():
    """A machine of four columns with a full matrix, fitted once; not to be changed."""
    from display_data import numbers

    return RFMRegressor(feature_matrix="full", max_iter=2).fit(*numbers())


@pytest.fixture(scope="session")
def ensemble():
    """Two machines that a search has found, fitted once; not to be changed."""
    from display_data import numbers

    candidates = [{"max_iter": 1}, {"kernel": "gaussian", "max_iter": 1}]
    return RFMRegressorCV(candidates, cv=2).fit(*numbers())
