"""Rows shared between threads, limits that are obeyed, and fits inside of other people's pools."""

import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from instances import DTYPES, FEW_KERNELS, assert_close, mixed_points, with_budget
from joblib import Parallel, delayed, parallel_config
from threadpoolctl import threadpool_info, threadpool_limits

from rfmlearn import RFMRegressor
from rfmlearn.kernels import LaplaceKernel, ProductLaplaceKernel
from rfmlearn.kernels._pairs import PairMatrix
from rfmlearn.runtime._threads import Team, n_threads_in_force, thread_limit

needs_blas = pytest.mark.skipif(
    not any(library["user_api"] == "blas" for library in threadpool_info()), reason="threadpoolctl knows no BLAS here"
)


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Threads are what is tested here."""


# Sharing ---------------------------------------------------------------------------------------------------------


@given(n_rows=st.integers(0, 50), n_threads=st.integers(1, 5), work=st.sampled_from([None, 10, 10**9]))
def test_every_row_is_worked_on_once(n_rows, n_threads, work):
    visits = np.zeros(n_rows, dtype=int)

    def core(start, stop, target):
        assert 0 <= start <= stop <= n_rows
        target[start:stop] += 1

    with Team(work, n_threads=n_threads) as team:
        team.share(core, n_rows, visits)
    np.testing.assert_array_equal(visits, 1)


def test_threads_work_at_the_same_time():
    """Each waits for two others, so that fewer threads would never end."""
    barrier, seen = threading.Barrier(3, timeout=30), set()

    def core(start, stop):
        if threading.get_ident() not in seen:
            seen.add(threading.get_ident())
            barrier.wait()

    with Team(n_threads=3) as team:
        team.share(core, 100, piece=10)
    assert len(seen) == 3


def test_small_work_stays_in_its_thread():
    pieces = []
    with Team(work=1000, n_threads=3) as team:
        team.share(lambda start, stop: pieces.append((start, stop, threading.get_ident())), 100, piece=64)
    assert pieces == [(0, 64, threading.get_ident()), (64, 100, threading.get_ident())]


@pytest.mark.parametrize("failing", [0, 50, 99])
def test_errors_of_any_thread_come_back(failing):
    def core(start, stop):
        if start <= failing < stop:
            raise ArithmeticError("row")

    before = threading.active_count()
    with pytest.raises(ArithmeticError, match="row"), Team(n_threads=3) as team:
        team.share(core, 100, piece=10)
    assert threading.active_count() == before


@pytest.mark.parametrize("error", [ArithmeticError, KeyboardInterrupt])
@pytest.mark.parametrize("in_main", [True, False])
def test_an_error_stops_the_others(error, in_main):
    """They end the range that they are at, and begin no other."""
    begun, main = [], threading.get_ident()
    both, failed = threading.Barrier(2, timeout=30), threading.Event()

    def core(start, stop):
        begun.append(start)
        if len(begun) <= 2:
            both.wait()
        if (threading.get_ident() == main) == in_main:
            failed.set()
            raise error("row")
        failed.wait(30)
        while not team.stopped:
            time.sleep(0.001)

    with pytest.raises(error, match="row"), Team(n_threads=2) as team:
        team.share(core, 400, piece=10)
    assert len(begun) == 2


@pytest.mark.parametrize("where", ["_ntk_loops.value_rows", "_ntk_loops.weight_rows"])
def test_an_error_stops_a_long_range_of_images(monkeypatch, where):
    """Where a range takes seconds, it is left half done."""
    from rfmlearn.images import ConvNTK, ImagePatches
    from rfmlearn.images.kernels import _ntk_loops

    calls, lock, name = [], threading.Lock(), where.partition(".")[2]
    both = threading.Barrier(2, timeout=30)

    def loop(*args):
        with lock:
            calls.append(threading.get_ident())
            first = len(calls) <= 2
        if first:
            both.wait()
            if threading.get_ident() == main:
                raise KeyboardInterrupt
        time.sleep(0.01)

    monkeypatch.setattr(_ntk_loops, name, loop)
    kernel, main = with_budget(ConvNTK(2, depth=1), gradient_x_images=1, x_images=1), threading.get_ident()
    images = ImagePatches.of(kernel.grid((24, 24, 1)), np.ones((200, 24, 24, 1)), np.eye(4))
    with threadpool_limits(2, user_api="blas"), pytest.raises(KeyboardInterrupt):
        if name == "value_rows":
            kernel.gram(images)
        else:
            kernel.patch_agop(images, np.ones((200, 1)), images)
    assert len(calls) < 20


@needs_blas
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", FEW_KERNELS)
def test_results_do_not_depend_on_threads(case, dtype, rng):
    kernel = with_budget(case.kernel, worth_a_thread=0)
    points, coef = mixed_points(rng, 90, dtype=dtype), rng.normal(size=(90, 2)).astype(dtype)

    def everything():
        pairs = PairMatrix.empty(90, dtype)
        pairs.fill_sums(kernel, points)
        pairs.fill_gram(kernel)
        gradient = pairs.gradient(kernel, coef)
        other = kernel.gradient(points, coef, points[:50]), kernel.product(points, coef, points[:50])
        return pairs.symmetric_gram(), gradient, *other

    results = []
    for n_threads in (1, 2, 5):
        with threadpool_limits(n_threads, user_api="blas"):
            results.append(everything())
    for result in results[1:]:
        for actual, desired in zip(result, results[0], strict=True):
            np.testing.assert_array_equal(actual, desired)


# Limits ----------------------------------------------------------------------------------------------------------


@needs_blas
@pytest.mark.parametrize("limit", [1, 2, 3])
def test_the_limit_of_blas_is_ours(limit):
    with threadpool_limits(limit, user_api="blas"):
        assert n_threads_in_force() == limit


def test_the_limit_is_obeyed():
    """By the loops, which have to be asked: threadpoolctl does not know of them."""
    seen = set()
    with threadpool_limits(1, user_api="blas"):
        with Team() as team:
            team.share(lambda start, stop: seen.add((start, stop, threading.get_ident())), 100, piece=64)
    assert seen == {(0, 64, threading.get_ident()), (64, 100, threading.get_ident())}


def test_limits_set_by_threads_side_by_side_leave_nothing_behind():
    """The first to leave would restore the limit that it found, the second that of the first."""
    inside = [threading.Event(), threading.Event()]

    def work(number):
        with thread_limit(1):
            inside[number].set()
            inside[1].wait(10)
            if number == 1:
                first.join(10)

    before = n_threads_in_force()
    first = threading.Thread(target=work, args=(0,))
    first.start()
    inside[0].wait(10)
    second = threading.Thread(target=work, args=(1,))
    second.start()
    second.join(10)
    assert n_threads_in_force() == before


def blas_threads():
    return max(library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas")


def in_a_thread(function):
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(function).result()


@pytest.mark.parametrize("limit", [1, 2])
def test_one_limit_for_loops_and_blas_in_workers(limit):
    """Of a web server, of dask, of joblib: what the caller has set holds there too, and for both."""
    with threadpool_limits(limit, user_api="blas"):
        assert in_a_thread(lambda: (n_threads_in_force(), blas_threads())) == (limit, limit)
        with parallel_config("threading", n_jobs=2):
            seen = Parallel()(delayed(lambda: (n_threads_in_force(), blas_threads()))() for _ in range(4))
        assert seen == [(limit, limit)] * 4


def test_a_limit_set_in_a_worker_holds_there():
    def work():
        with thread_limit(1):
            inside = n_threads_in_force(), blas_threads()
        return inside, (n_threads_in_force(), blas_threads())

    with threadpool_limits(2, user_api="blas"):
        assert in_a_thread(work) == ((1, 1), (2, 2))


def test_limits_nest_and_the_smallest_holds():
    with threadpool_limits(3, user_api="blas"):
        with thread_limit(2):
            assert n_threads_in_force() == 2
            with thread_limit(1):
                assert n_threads_in_force() == blas_threads() == 1
            assert n_threads_in_force() == blas_threads() == 2
            with thread_limit(5):
                assert n_threads_in_force() == 2
        assert n_threads_in_force() == blas_threads() == 3


def test_a_team_holds_blas_to_one_thread_but_not_the_next_team():
    with threadpool_limits(2, user_api="blas"), Team() as team:
        assert team.size == 2 and blas_threads() == 1
        assert in_a_thread(n_threads_in_force) == 2


# Pools -----------------------------------------------------------------------------------------------------------


def fit(seed, kernel="laplace"):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(60, 3))
    model = RFMRegressor(kernel=kernel, max_iter=2, random_state=0).fit(X, np.sin(X[:, 0]) + X[:, 1])
    return model.predict(X)


def gram(seed):
    X = np.random.default_rng(seed).normal(size=(400, 5))
    return LaplaceKernel(2.0)(X), ProductLaplaceKernel(2.0, 1.2)(X)


def test_kernels_in_a_pool_of_threads():
    expected = [gram(seed) for seed in range(4)]
    with ThreadPoolExecutor(4) as pool:
        for actual, desired in zip(pool.map(gram, range(4)), expected, strict=True):
            assert_close(actual[0], desired[0], 1e-13)
            np.testing.assert_array_equal(actual[1], desired[1])


@pytest.mark.parametrize("kernel", ["laplace", "product_laplace"])
def test_fits_in_a_pool_of_threads(kernel):
    expected = [fit(seed, kernel) for seed in range(6)]
    with ThreadPoolExecutor(3) as pool:
        for actual, desired in zip(pool.map(fit, range(6), [kernel] * 6), expected, strict=True):
            assert_close(actual, desired, 1e-9)


def test_one_model_predicts_in_many_threads():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 3))
    model = RFMRegressor(max_iter=1).fit(X, X[:, 0])
    expected = model.predict(X)
    with ThreadPoolExecutor(4) as pool:
        for actual in pool.map(model.predict, [X] * 8):
            assert_close(actual, expected, 1e-12)


def test_fits_in_joblib_threads():
    expected = [fit(seed) for seed in range(3)]
    with parallel_config("threading", n_jobs=2):
        for actual, desired in zip(Parallel()(delayed(fit)(seed) for seed in range(3)), expected, strict=True):
            assert_close(actual, desired, 1e-9)


def test_first_use_in_several_threads_at_once():
    """Compiled functions are loaded by whoever comes first; nobody may find them half loaded."""
    script = """
import threading
import numpy as np
from rfmlearn.kernels import LaplaceKernel, ProductLaplaceKernel
X = np.random.default_rng(0).normal(size=(30, 3))
barrier, results, errors = threading.Barrier(4), [], []
def work(kernel):
    barrier.wait()
    try:
        results.append((kernel.exponent, kernel(X).sum()))
    except BaseException as error:
        errors.append(error)
kernels = [LaplaceKernel(2.0, 0.9), ProductLaplaceKernel(2.0, 1.2)] * 2
threads = [threading.Thread(target=work, args=(kernel,)) for kernel in kernels]
for thread in threads: thread.start()
for thread in threads: thread.join()
assert not errors, errors
assert len(results) == 4 and len(set(results)) == 2, results
"""
    result = subprocess.run([sys.executable, "-W", "error", "-c", script], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
