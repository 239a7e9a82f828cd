"""Estimators of tables that are divided: their contract, odd input, threads, faults, and what is asked of them then."""

import gc
import pickle
import threading
import weakref
from dataclasses import dataclass, replace

import joblib
import numpy as np
import pytest
from large_data import (
    FEW,
    SEARCHES,
    SINGLE,
    SMALL,
    SmallClassifier,
    SmallRegressor,
    SmallRegressorCV,
    data_for,
    values,
)
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from sklearn.utils.estimator_checks import parametrize_with_checks
from threadpoolctl import threadpool_info, threadpool_limits

from rfmlearn import AGOPFeatureMap
from rfmlearn.gradients import input_gradients
from rfmlearn.kernels import LaplaceKernel, RadialKernel
from rfmlearn.runtime._spread import spread

ORDER_MATTERS = {"check_sample_weight_equivalence_on_dense_data": "rows are drawn by their places, not by their values"}


@parametrize_with_checks(
    [Estimator(solver="two_level", max_iter=1) for Estimator in SINGLE],
    expected_failed_checks=lambda estimator: ORDER_MATTERS,
)
def test_sklearn_checks(estimator, check):
    check(estimator)


@pytest.fixture(scope="module")
def fitted():
    return {Estimator: Estimator(random_state=0).fit(*data_for(Estimator)) for Estimator in SINGLE}


def odd_tables():
    X, _ = data_for(SmallRegressor)
    rng = np.random.default_rng(0)
    return {
        "constant columns": np.column_stack([X, np.ones(400)]),
        "all rows equal": np.ones((400, 3)),
        "few distinct rows": rng.integers(0, 2, (400, 2)).astype(float),
        "mostly zeros": np.where(rng.random((400, 5)) < 0.05, 1.0, 0.0),
        "missing": np.where(rng.random(X.shape) < 0.2, np.nan, X),
        "huge": 1e14 * X,
        "tiny": 1e-20 * X,
    }


@pytest.mark.parametrize("name", odd_tables())
@pytest.mark.parametrize("Estimator", SINGLE)
def test_odd_tables(Estimator, name):
    X, y = odd_tables()[name], data_for(Estimator)[1]
    model = Estimator(max_iter=1, random_state=0).fit(X, y)
    assert model.solver_ == "two_level" and np.isfinite(values(model, X)).all()
    assert_allclose(model.feature_importances_.sum(), 1)
    if name == "all rows equal" and Estimator is SmallRegressor:
        assert_allclose(model.predict(X), y.mean(), atol=0.3)
    if name == "all rows equal" and Estimator is SmallClassifier:
        assert_allclose(model.predict_proba(X[:1])[0], np.bincount(y) / 400, atol=0.1)


PARAMETERS = [
    {"kernel": "gaussian", "alpha": 1e-3},
    {"kernel": LaplaceKernel(2.0)},
    {"kernel": "product_laplace", "bandwidth": 3.0},
    {"alpha": "cautious", "feature_matrix": "full"},
    {"feature_matrix": "block", "center_gradients": True, "n_agop_samples": 20},
    {"max_iter": 0, "feature_matrix_init": [1.0, 2.0, 0.5, 0.1]},
    {"scaling": None, "solver": "two_level"},
]


@pytest.mark.parametrize("parameters", PARAMETERS, ids=repr)
@pytest.mark.parametrize("Estimator", SINGLE)
def test_parameters(Estimator, parameters):
    X, y = data_for(Estimator)
    model = Estimator(random_state=0, **{"max_iter": 1} | parameters).fit(X[:, :4], y)
    assert np.isfinite(values(model, X[:, :4])).all() and model.score(X[:, :4], y) > 0.5
    assert isinstance(parameters.get("alpha", ""), str) or model.alpha_ == parameters["alpha"]


@pytest.mark.parametrize("encoding", ["one_hot", "ordinal", "target"])
@pytest.mark.parametrize("Estimator", SINGLE)
def test_categories(Estimator, encoding, pd):
    X, y = data_for(Estimator)
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": X[:, 0], "few": pd.Categorical(rng.choice(list("uvw"), 400))})
    frame["many"] = pd.Categorical(rng.integers(0, 150, 400).astype(str))
    model = Estimator(categorical_encoding=encoding, max_iter=1, random_state=0).fit(frame, y)
    new = frame.assign(few=pd.Categorical(["unseen"] * 400))
    assert np.isfinite(values(model, new)).all()
    assert_allclose(values(model, frame.iloc[::-1])[::-1], values(model, frame), atol=1e-5)


@pytest.mark.parametrize("size", [2, 3, 5, 9, 17])
def test_few_rows(size):
    X, y = data_for(SmallRegressor)
    model = SmallRegressor(solver="two_level", random_state=0).fit(X[:size], y[:size])
    assert np.abs(model.predict(X) - y[:size].mean()).max() < 10 * np.ptp(y[:size])
    assert SmallRegressor(solver="two_level").fit(X[:1], y[:1]).predict(X[:1]) == y[0]


@dataclass(frozen=True)
class Wave(RadialKernel):
    """Negative at some distances."""

    def evaluate(self, squares, values, slopes):
        distance = np.sqrt(np.maximum(squares, 1e-30)) / self.bandwidth
        values[:] = np.exp(-distance) * np.cos(distance)
        slopes[:] = -np.exp(-distance) * (np.cos(distance) + np.sin(distance)) / (2 * distance * self.bandwidth**2)


def test_kernels_of_ones_own_may_be_negative():
    X, y = data_for(SmallRegressor)
    model = SmallRegressor(Wave(1.0), max_iter=0, alpha=0.1, random_state=0)
    model.large_budget = replace(SMALL, packed_up_to=1000)
    assert model.fit(X, y).score(X, y) > 0.5


def test_targets():
    X, y = data_for(SmallRegressor)
    assert_allclose(SmallRegressor().fit(X, np.full(400, 3.0)).predict(X), 3.0)
    several = SmallRegressor(random_state=0).fit(X, np.column_stack([y, 1e9 * y, np.ones(400)])).predict(X)
    assert_allclose(several[:, 1], 1e9 * several[:, 0], rtol=1e-3, atol=1e6)
    assert_allclose(several[:, 2], 1)
    mean, deviation = SmallRegressor(random_state=0).fit(X, y).predict(X, return_std=True)
    assert mean.shape == deviation.shape == y.shape and (deviation > 0).all()


@pytest.mark.parametrize("kind", ["one row", "sorted", "many", "rare"])
def test_classes(kind):
    X, y = data_for(SmallClassifier)
    labels = {
        "one row": np.where(np.arange(400) == 7, 9, y),
        "sorted": (X[:, 0] > 0).astype(int),
        "many": np.arange(400) // 2,
        "rare": (np.arange(400) % 100 == 0).astype(int),
    }[kind]
    model = SmallClassifier(max_iter=1, class_weight="balanced" if kind == "rare" else None).fit(X, labels)
    probabilities = model.predict_proba(X)
    assert_allclose(probabilities.sum(axis=1), 1)
    assert probabilities.shape[1] == len(np.unique(labels))
    if kind == "sorted":
        assert model.score(X, labels) > 0.95


@pytest.mark.parametrize("n_groups", [2, 50])
def test_groups_are_held_out_whole(n_groups, monkeypatch):
    X, y = data_for(SmallRegressor)
    groups = np.random.default_rng(0).integers(0, n_groups, 400)
    seen = []
    monkeypatch.setattr(SmallRegressor, "_store", lambda self, recursion, best: seen.append(recursion))
    SmallRegressor(max_iter=0).fit(X, y, groups=groups)
    held = seen[0].draws.held_out
    assert 0 < len(held) < 400 and not set(groups[held]) & set(groups[np.setdiff1d(np.arange(400), held)])


@pytest.mark.parametrize("weights", ["repeats", "some", "huge"])
@pytest.mark.parametrize("Estimator", SINGLE)
def test_weights(Estimator, weights):
    X, y = data_for(Estimator)
    rng = np.random.default_rng(0)
    drawn = {"repeats": rng.integers(0, 3, 400), "some": rng.random(400), "huge": 10 ** rng.uniform(-8, 8, 400)}[
        weights
    ]
    one, other = (Estimator(random_state=0).fit(X, y, sample_weight=f * drawn) for f in (1, 2.0**-10))
    assert np.isfinite(values(one, X)).all()
    if weights == "some":
        assert_allclose(values(one, X), values(other, X), atol=1e-5)


# What is asked of a fitted model


@pytest.mark.parametrize("Estimator", SINGLE)
def test_pickle_is_small_and_holds_no_table(Estimator):
    X, y = data_for(Estimator, 3000)
    X = np.column_stack([X, np.zeros((3000, 20))])
    alive = weakref.ref(X)
    model = Estimator(random_state=0).fit(X, y)
    data, expected = pickle.dumps(model), values(model, X[:50])
    assert len(data) < 3000 * (4 * 5 + 4 * 4 * (1 + model.machine_.n_outputs)) + 60_000
    assert_array_equal(values(pickle.loads(data), X[:50]), expected)
    del X
    gc.collect()
    assert alive() is None
    assert clone(model).get_params() == model.get_params()


@pytest.mark.parametrize("Estimator", SINGLE)
def test_inspection(Estimator, fitted):
    X, y = data_for(Estimator)
    model = fitted[Estimator]
    d = X.shape[1]
    assert model.agop_.shape == model.feature_matrix_.shape == (d, d)
    assert_allclose(np.diag(model.agop_), model._agop.diagonal, rtol=1e-4)
    assert [record["n_iter"] for record in model.history_] == [0, 1, 2, 3, 4] and model.n_iter_ == 4
    assert model.history_[-1]["solver"] == "two_level" and len(model.X_fit_) == 400
    exactly = Estimator.__mro__[1](solver="two_level", max_iter=1, random_state=0).fit(X, y)
    gradient = input_gradients(exactly, X[:20], method="closed_form")
    assert np.isfinite(gradient).all() and np.shape(gradient)[-2:] == (20, d)
    assert AGOPFeatureMap(exactly, n_components=2).fit(X, y).transform(X).shape == (400, 2)


@pytest.mark.parametrize("layout", [np.asfortranarray, lambda X: X.astype(np.float32), "read-only"])
def test_layouts(layout, fitted):
    X, y = data_for(SmallRegressor)
    changed = X.copy() if layout == "read-only" else layout(X)
    changed.setflags(write=False)
    assert_allclose(
        SmallRegressor(random_state=0).fit(changed, y).predict(changed), fitted[SmallRegressor].predict(X), atol=2e-2
    )


def test_bar_and_log(capsys):
    SmallRegressor(verbose=True, max_iter=1).fit(*data_for(SmallRegressor))
    shown = capsys.readouterr().err
    for text in (
        "parts of the rows summed",
        "leaves of tree 2 of 3",
        "weights of the global machine",
        "plan: 60 landmarks",
    ):
        assert text in " ".join(shown.split())


def test_validation_and_callback():
    X, y = data_for(SmallRegressor)
    seen = []
    model = SmallRegressor(callback=seen.append).fit(X, y, X_val=X[:80], y_val=y[:80])
    assert [record.solver for record in seen][-1] == "two_level" and len(seen) == len(model.history_)
    assert all("validation_loss" in record for record in model.history_)
    assert model.best_iter_ <= model.n_iter_
    stopped = SmallRegressor(callback=lambda record: True).fit(X, y)
    assert len(stopped.history_) == 2 and stopped.n_iter_ == 0


# Threads, processes, interrupts


@pytest.mark.parametrize("Estimator", SINGLE)
def test_threads_and_engines_change_nothing(Estimator):
    X, y = data_for(Estimator, 300)
    results = []
    for limit in (1, 2):
        with threadpool_limits(limit):
            results.append(values(Estimator(max_iter=1, random_state=0).fit(X, y), X))
    with threadpool_limits(2), joblib.parallel_config("threading", n_jobs=2):
        results.append(values(Estimator(max_iter=1, random_state=0).fit(X, y), X))
    if Estimator is SmallRegressor:  # starting processes takes long
        with joblib.parallel_config("loky", n_jobs=2):
            results.append(values(Estimator(max_iter=1, random_state=0).fit(X, y), X))
    for other in results[1:]:
        assert_allclose(other, results[0], atol=1e-6)


def test_jobs_within_jobs():
    X, y = data_for(SmallRegressor, 300)
    searches = [
        GridSearchCV(SmallRegressor(max_iter=1, random_state=0), {"alpha": [0.01, 1.0]}, cv=2, n_jobs=k) for k in (1, 2)
    ]
    one, two = (search.fit(X, y).cv_results_["mean_test_score"] for search in searches)
    assert_allclose(one, two, atol=1e-6)


@pytest.mark.parametrize("place", ["callback", "leaf", "progress"])
def test_an_interrupt_leaves_nothing_behind(place, monkeypatch, fitted):
    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt

    X, y = data_for(SmallRegressor)
    model = SmallRegressor(random_state=0).fit(X, y)
    before, threads = model.predict(X), [info["num_threads"] for info in threadpool_info()]
    if place == "leaf":
        monkeypatch.setattr("rfmlearn.large._leaf.choose_ridge", interrupt)
    elif place == "progress":
        monkeypatch.setattr(
            "rfmlearn.large._recursion.LargeRecursion.with_progress", lambda self, _: _replace(self, interrupt)
        )
    else:
        model.set_params(callback=interrupt)
    with threadpool_limits(2), pytest.raises(KeyboardInterrupt) as kept:
        model.fit(X, y)
    assert kept.value is not None
    assert threading.active_count() == len([t for t in threading.enumerate() if "ThreadPool" not in t.name])
    assert [info["num_threads"] for info in threadpool_info()] == threads
    monkeypatch.undo()
    assert_array_equal(model.set_params(callback=None).predict(X), before)


def _replace(recursion, on_progress):
    return replace(recursion, on_progress=on_progress)


def test_few_results_wait():
    """Where they are large, the memory is that of a few, however many tasks there are."""
    alive, most = set(), []

    class Result:
        def __init__(self, number):
            self.number = number
            alive.add(number)
            most.append(len(alive))

        def __del__(self):
            alive.discard(self.number)

    with threadpool_limits(2), spread(lambda number: lambda: Result(number), 40) as results:
        for number, result in enumerate(results):
            assert result.number == number
            del result
    assert max(most) <= 5


# Searches


@pytest.mark.parametrize("Search", SEARCHES)
def test_a_search(Search):
    X, y = data_for(Search)
    model = Search(FEW, cv=2, random_state=0).fit(X, y)
    new, truth = data_for(Search, 400)
    held = np.isfinite(model.oof_prediction_.reshape(400, -1)).all(axis=1)
    assert held.sum() == 50 and np.isfinite(model.ensemble_score_)
    assert_array_equal(values(pickle.loads(pickle.dumps(model)), X), values(model, X))
    if Search is SmallRegressorCV:
        low, high = np.moveaxis(np.asarray(model.predict_interval(new)), -1, 0)
        assert np.mean((truth >= low) & (truth <= high)) > 0.8
        assert all(a.shape == y.shape for a in model.predict(X, return_std=True))
    else:
        sets = np.asarray(model.predict_set(new))
        assert np.mean(sets[np.arange(400), truth]) > 0.8


@pytest.mark.parametrize("Search", SEARCHES)
def test_copies_may_make_few_rows_of_many(Search):
    X, y = data_for(Search, 140)
    model = Search(FEW, cv=2, random_state=0).fit(np.vstack([X, X]), np.concatenate([y, y]))
    assert all(hasattr(member.machine, "dual_coef") for group in model.members_ for member in group.machines)


@pytest.mark.parametrize("Search", SEARCHES)
def test_solvers_of_settings(Search):
    X, y = data_for(Search)
    with pytest.warns(UserWarning, match=r"settings ask for solver=\['cholesky'\], but 400 rows"):
        model = Search([{"solver": "cholesky", "max_iter": 1}], cv=2).fit(X, y)
    assert model.fit_warnings_
    few = Search([{"solver": "two_level", "max_iter": 1}], cv=2).fit(X[:120], y[:120])
    assert few.members_[0].machines[0].machine.dual_coef.shape[0] == 120


def test_a_leaf_in_trouble_is_told_of():
    X, y = data_for(SmallRegressor)
    X = np.repeat(X[:100], 4, axis=0) + 1e-9 * np.random.default_rng(0).normal(size=(400, X.shape[1]))
    with pytest.warns(ConvergenceWarning, match="Increase alpha"):
        model = SmallRegressor(alpha=1e-12, max_iter=0).fit(X, y)
    assert model.fit_warnings_ and np.isfinite(model.predict(X)).all()
