"""Tables on a dask cluster of two processes: the model is that of one machine, whatever happens to workers."""

import os
import pickle
import signal
import threading
from itertools import pairwise

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.base import clone

from rfmlearn import RFMClassifier, RFMRegressor
from rfmlearn.runtime._large_budget import LargeBudget
from rfmlearn.runtime._threads import n_threads_in_force

pd = pytest.importorskip("pandas")
pytest.importorskip("distributed")
dd = pytest.importorskip("dask.dataframe")

import dask.array as da  # noqa: E402
from dask import delayed  # noqa: E402
from distributed import Client, LocalCluster  # noqa: E402

from rfmlearn.dask import DaskRFMClassifier, DaskRFMRegressor  # noqa: E402

pytestmark = pytest.mark.filterwarnings("default::ResourceWarning", "default::pytest.PytestUnraisableExceptionWarning")

BUDGET = LargeBudget(
    exact_up_to=800,
    packed_up_to=800,
    n_pilot_rows=200,
    n_landmarks=120,
    n_learning_landmarks=60,
    n_agop_rows=200,
    leaf_rows=250,
    n_trees=3,
    n_held_out_rows=200,
    chunk_rows=500,
)
N_ROWS = 1400


class Regressor(RFMRegressor):
    large_budget = BUDGET


class Classifier(RFMClassifier):
    large_budget = BUDGET


class OnCluster:
    class Regressor(DaskRFMRegressor):
        large_budget = BUDGET

    class Classifier(DaskRFMClassifier):
        large_budget = BUDGET


@pytest.fixture(scope="module")
def client():
    workers = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": ":0", "silence_logs": 50}
    with LocalCluster(**workers) as cluster, Client(cluster) as client:
        yield client


@pytest.fixture(scope="module")
def frame():
    """Numbers, some of them missing, categories, a target, classes, and weights, some of which are zero."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(N_ROWS, 3))
    y = np.tanh(2 * X[:, 0]) + 0.1 * rng.normal(size=N_ROWS)
    X[-20:, 1] = np.nan  # in the last partition alone
    k = pd.Categorical(np.where(np.arange(N_ROWS) < 1000, "u", rng.choice(["v", "w"], N_ROWS)))
    label = np.array(["no", "yes", "maybe"])[np.digitize(y, [-0.5, 0.5])]
    weights = rng.integers(0, 3, N_ROWS)
    return pd.DataFrame(X, columns=["a", "b", "c"]).assign(k=k, y=y + (k == "v"), label=label, w=weights)


COLUMNS = ["a", "b", "c", "k"]


@pytest.fixture(scope="module")
def parts(frame):
    """The same in partitions of different sizes, one of them empty, with unknown divisions."""
    edges = [0, 100, 100, 790, 1200, N_ROWS]
    pieces = [delayed(frame.iloc[start:stop]) for start, stop in pairwise(edges)]
    return dd.from_delayed(pieces, meta=frame.iloc[:0], verify_meta=False)


@pytest.fixture(scope="module")
def fitted(client, parts):
    """A regressor and a classifier that were fitted to the partitions."""
    regressor = OnCluster.Regressor(random_state=0).fit(parts[COLUMNS], parts["y"], parts["w"])
    classifier = OnCluster.Classifier(random_state=0, max_iter=1, class_weight="balanced")
    return regressor, classifier.fit(parts[COLUMNS], parts["label"])


def assert_same_attributes(model, local):
    names = {name for name in vars(local) if name.endswith("_") and not name.startswith("_")}
    assert names <= set(vars(model))
    for name in ("feature_importances_", "agop_", "feature_matrix_", "alpha_", "n_iter_"):
        assert_allclose(getattr(model, name), getattr(local, name), rtol=1e-6, atol=1e-9, err_msg=name)
    assert model.coordinate_names_ == local.coordinate_names_
    assert model.n_features_in_ == local.n_features_in_ and model.feature_names_in_.tolist() == COLUMNS


def test_regression_is_that_of_one_machine(client, frame, parts, fitted):
    model = fitted[0]
    local = Regressor(random_state=0).fit(frame[COLUMNS], frame["y"], frame["w"])
    assert model.solver_ == local.solver_ == "two_level"
    assert_same_attributes(model, local)
    assert_allclose(model.to_local().predict(frame[COLUMNS]), local.predict(frame[COLUMNS]), rtol=1e-6, atol=1e-6)
    lazy = model.predict(parts[COLUMNS])
    assert isinstance(lazy, dd.Series) and lazy.dtype == np.float64
    found = lazy.compute()
    assert_allclose(found, local.predict(frame[COLUMNS]), rtol=1e-5, atol=1e-5)
    assert found.index.equals(frame.index)
    std = [m.predict(frame[COLUMNS], return_std=True)[1] for m in (model.to_local(), local)]
    assert_allclose(*std, rtol=1e-6)


def test_classification_is_that_of_one_machine(client, frame, parts, fitted):
    model, X = fitted[1], parts[COLUMNS]
    local = Classifier(random_state=0, max_iter=1, class_weight="balanced").fit(frame[COLUMNS], frame["label"])
    assert_same_attributes(model, local)
    probabilities = model.predict_proba(X)
    assert list(probabilities.columns) == local.classes_.tolist() == ["maybe", "no", "yes"]
    expected = local.predict_proba(frame[COLUMNS])
    assert_allclose(model.to_local().predict_proba(frame[COLUMNS]), expected, rtol=1e-6, atol=1e-6)
    # In float32 a prediction depends a little on the rows that are predicted with it.
    assert_allclose(probabilities.compute(), expected, rtol=1e-4, atol=1e-5)
    assert_allclose(model.decision_function(X).compute(), local.decision_function(frame[COLUMNS]), rtol=1e-4, atol=1e-4)
    assert model.predict(X).compute().tolist() == local.predict(frame[COLUMNS]).tolist()
    assert model.score(X, parts["label"]) == local.score(frame[COLUMNS], frame["label"])


@pytest.mark.parametrize("method", ["predict", "predict_proba", "predict_log_proba", "decision_function"])
def test_other_shares_of_classes(client, frame, parts, fitted, method):
    """Of frames and of arrays; refused before anything is computed."""
    X, shares = frame[COLUMNS][:200], {"yes": 0.1, "no": 0.2, "maybe": 0.7}
    expected = getattr(fitted[1].to_local(), method)(X, class_prior=shares)
    found = getattr(fitted[1], method)(dd.from_pandas(X, npartitions=1), class_prior=shares).compute()
    np.testing.assert_array_equal(np.asarray(found), expected)
    with pytest.raises(ValueError, match=r"class_prior must have a share for each .* unknown are \['no idea'\]"):
        getattr(fitted[1], method)(parts[COLUMNS], class_prior=shares | {"no idea": 0.1})
    numbers = frame[["a", "b"]].fillna(0.0).to_numpy()[:200]
    blocks = da.from_array(numbers, chunks=(100, 2))
    model = DaskRFMClassifier(max_iter=0, client=client).fit(blocks, blocks[:, 0] > 0.5)
    found = getattr(model, method)(blocks, class_prior=[0.1, 0.9]).compute()
    expected = getattr(model.to_local(), method)(numbers, class_prior=[0.1, 0.9])
    assert_allclose(found, expected, rtol=1e-6)


def test_arrays_of_float32_outputs_and_samples(client):
    """Columns and trees are learned from some of the rows; chunks of columns do not matter."""
    rng = np.random.default_rng(1)
    X = rng.normal(size=(1300, 4)).astype(np.float32)
    Y = np.stack([X[:, 0], X[:, 1] ** 2], axis=1) + 0.1 * rng.normal(size=(1300, 2))
    budget = LargeBudget(**{**vars(BUDGET), "n_sample_rows": 700})

    class Few(Regressor):
        large_budget = budget

    class FewOnCluster(DaskRFMRegressor):
        large_budget = budget

    dX, dY = da.from_array(X, chunks=(400, 2)), da.from_array(Y, chunks=(650, 1))
    model = FewOnCluster(random_state=0, max_iter=1, client=client).fit(dX, dY)
    local = Few(random_state=0, max_iter=1).fit(X, Y)
    lazy = model.predict(dX)
    assert lazy.shape == (1300, 2) and lazy.dtype == np.float32
    assert_allclose(lazy.compute(), local.predict(X), rtol=1e-5, atol=1e-5)
    assert_allclose(local.predict(X)[:, 0], Y[:, 0], atol=1.0)


def test_categories_by_averages_of_targets(client, frame, parts):
    settings = {"random_state": 0, "max_iter": 0, "categorical_encoding": "target"}
    model = OnCluster.Regressor(**settings).fit(parts[COLUMNS], parts["y"])
    local = Regressor(**settings).fit(frame[COLUMNS], frame["y"])
    assert_allclose(model.to_local().predict(frame[COLUMNS]), local.predict(frame[COLUMNS]), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("Model", [OnCluster.Regressor, OnCluster.Classifier])
def test_small_tables_are_fitted_as_ever(client, frame, Model):
    few, target = frame[:300], "y" if Model is OnCluster.Regressor else "label"
    parts = dd.from_pandas(few, npartitions=3)
    model = Model().fit(parts[COLUMNS], parts[target])
    local = model.to_local()
    assert type(local) in (RFMRegressor, RFMClassifier)
    expected = type(local)().fit(few[COLUMNS], few[target]).predict(few[COLUMNS])
    np.testing.assert_array_equal(local.predict(few[COLUMNS]), expected)


def test_a_killed_worker_changes_nothing(client, parts, fitted):
    """It dies in the middle of a fit, with all that it holds."""
    pids, killed = client.run(os.getpid), threading.Event()

    def kill(current):
        if not killed.is_set():
            killed.set()
            threading.Timer(0.2, os.kill, (next(iter(pids.values())), signal.SIGKILL)).start()

    model = OnCluster.Regressor(random_state=0, callback=kill).fit(parts[COLUMNS], parts["y"], parts["w"])
    assert killed.is_set()
    client.wait_for_workers(2, timeout=30)
    for a, b in zip(model.machine_.parts, fitted[0].machine_.parts, strict=True):
        np.testing.assert_array_equal(a.rows, b.rows)
        assert_allclose(a.coef, b.coef, rtol=1e-6, atol=1e-6)
    assert_allclose(*(m.predict(parts[COLUMNS]).compute() for m in (model, fitted[0])), rtol=1e-6, atol=1e-6)


def test_two_fits_at_once(client, parts, fitted):
    models = {}

    def fit(name):
        settings = {"random_state": 0, "max_iter": 1, "class_weight": "balanced", "client": client}
        models[name] = OnCluster.Classifier(**settings).fit(parts[COLUMNS], parts["label"])

    threads = [threading.Thread(target=fit, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expected = fitted[1].machine_
    for model in models.values():
        assert_allclose(model.machine_.parts[-1].coef, expected.parts[-1].coef, rtol=1e-6, atol=1e-6)


def test_partitions_of_different_types(client, frame):
    """float32 beside float64 is float64, as in a table that is made of both; levels of categories come together."""
    halves = [frame[COLUMNS][:700].astype({"a": "float32"}), frame[COLUMNS][700:]]
    halves = [half.assign(k=half["k"].cat.remove_unused_categories()) for half in halves]
    X = dd.from_delayed([delayed(half) for half in halves], meta=frame[COLUMNS].iloc[:0], verify_meta=False)
    y = dd.from_delayed([delayed(frame["y"][:700]), delayed(frame["y"][700:])], meta=frame["y"].iloc[:0])
    model = OnCluster.Regressor(random_state=0, max_iter=0).fit(X, y)
    local = Regressor(random_state=0, max_iter=0).fit(frame[COLUMNS].astype({"a": "float64"}), frame["y"])
    assert model._encoder.dtype_ == np.float64 and model._encoder.levels_ == [["u", "v", "w"]]
    assert model.coordinate_names_ == local.coordinate_names_


def test_model_is_sent_once_and_clients_stay_out_of_pickles(client, parts, fitted):
    model = fitted[0]
    model.predict(parts[COLUMNS])
    sent = model._on_workers
    model.predict(parts[COLUMNS])
    assert model._on_workers is sent
    given = clone(OnCluster.Regressor(client=client, alpha=0.1))
    assert given.client is client and given.get_params()["alpha"] == 0.1
    again = pickle.loads(pickle.dumps(DaskRFMRegressor(client=client, alpha=0.2)))
    assert again.client is None and again.client_ is client and again.alpha == 0.2
    assert "_on_workers" not in model.__getstate__()


def test_tasks_keep_to_the_threads_of_a_worker(client):
    from rfmlearn.dask._run import one_thread

    assert client.submit(one_thread(n_threads_in_force)).result() == 1


def test_what_is_no_table_on_a_cluster_is_refused(client, frame, parts, fitted):
    X = parts[COLUMNS]
    with pytest.raises(TypeError, match="X must be a dask DataFrame or a dask Array, got DataFrame: make one"):
        OnCluster.Regressor().fit(frame[COLUMNS], frame["y"])
    with pytest.raises(TypeError, match="y must be a dask Series"):
        OnCluster.Regressor().fit(X, frame["y"])
    with pytest.raises(TypeError, match="predict"):
        fitted[0].predict(frame[COLUMNS])
    with pytest.raises(ValueError, match="y has 3 partitions, but X has 5"):
        OnCluster.Regressor().fit(X, parts["y"].partitions[:3])
    with pytest.raises(TypeError, match="client must be"):
        OnCluster.Regressor(client="tcp://here").fit(X, parts["y"])


def test_targets_that_are_missing_are_told_with_their_partition(client, parts):
    y = parts["y"].map_partitions(lambda part: part.where(part.index != N_ROWS - 1), meta=("y", float))
    with pytest.raises(ValueError, match=r"y \(partition 4\) contains NaN in its row 199"):
        OnCluster.Regressor().fit(parts[COLUMNS], y)
    labels = parts["label"].map_partitions(lambda part: part.where(part.index != 0).astype(object), meta=("y", object))
    with pytest.raises(ValueError, match=r"y \(partition 0\) has a missing label"):
        OnCluster.Classifier().fit(parts[COLUMNS], labels)
    with pytest.raises(ValueError, match=r"infinity .* in column 'a'"):
        OnCluster.Regressor().fit(parts[COLUMNS].assign(a=np.inf), parts["y"])


def test_a_closed_client_is_told(client):
    closed = Client(client.scheduler.address, set_as_default=False)
    closed.close()
    with pytest.raises(RuntimeError, match="the dask client is closed"):
        DaskRFMRegressor(client=closed).client_  # noqa: B018
