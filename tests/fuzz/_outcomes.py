"""What comes of a case: an answer, a clear error, or one of the things that must not be."""

from __future__ import annotations

import contextlib
import copy
import functools
import pickle
import re
import signal
import traceback
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from threadpoolctl import threadpool_limits

import rfmlearn

from ._cases import make_case

ANSWER, CLEAR = "answer", "clear error"
UNCLEAR, NOT_FINITE, WRONG, LEAKED, HANG = "unclear error", "not finite", "wrong answer", "leaked warning", "hang"
FAULTS = (HANG, WRONG, NOT_FINITE, UNCLEAR, LEAKED)
SECONDS = 60
# What an error or a warning may name, beside parameters of the estimator.
ARGUMENTS = """X y sample_weight [Ss]ample.weights? groups X_val y_val sample_weight_val coverage method output features
    step image_shape images [Cc]olumns? features? class class_weight labels? target rows? samples? splits? folds?
    candidates AGOP settings scoring""".split()
# Words of those who were called with what should have been refused before.
INTERNAL = re.compile(
    r"argmin of an empty|argmax of an empty|cannot reshape|did not converge|zero-size array|infs or NaNs|"
    r"could not broadcast|Unable to allocate|object has no attribute|unsupported operand|not supported between|"
    r"index \d+ is out of bounds|operands|NoneType|SVD|leading minor|singular matrix|do not sum to 1|"
    r"ufunc|at least one array|unexpected keyword|positional argument|cannot unpack|unhashable|codec|surrogate"
)
# What scikit-learn says of every table that is none.
USUAL = re.compile("Found array with|Complex data not supported|Expected 2D array|inconsistent numbers of samples")
PACKAGE = str(Path(rfmlearn.__file__).parent)
LEAKS = (RuntimeWarning, DeprecationWarning, PendingDeprecationWarning, FutureWarning)


@dataclass(frozen=True)
class Outcome:
    """Of one step of a case: its kind, and what was seen."""

    kind: str
    step: str
    text: str = ""
    place: str = ""

    def __str__(self):
        return f"{self.kind} in {self.step}: {self.text} {f'[{self.place}]' if self.place else ''}"


class Hang(BaseException):
    """Raised by the alarm."""


def run(number):
    """The case of a number, and the outcomes of its steps."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            case = make_case(number)
    except Exception as error:
        raise RuntimeError(f"case {number} could not be made: the fuzzer is at fault.") from error
    outcomes: list[Outcome] = []
    try:
        with _time_limit(SECONDS), threadpool_limits(1):
            (_run_function if case.subject[0].islower() else _run_estimator)(case, outcomes)
    except Hang:
        outcomes.append(Outcome(HANG, "any", f"more than {SECONDS} s"))
    return case, outcomes


@contextlib.contextmanager
def _time_limit(seconds):
    def stop(*_):
        raise Hang

    if not hasattr(signal, "setitimer"):  # Windows
        yield
        return
    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _attempt(case, outcomes, step, function, judge=lambda result: None):
    """Call a function, judge what it returns, warns and raises; its result, or None."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = function()
        except Exception as error:
            result = None
            outcomes.append(_judge_error(case, step, error))
        else:
            found = judge(result)
            outcomes.append(Outcome(ANSWER, step) if found is None else Outcome(*found[:1], step, found[1]))
    leaks = []
    for record in caught:
        # Scores of scikit-learn overflow where predictions do not.
        if issubclass(record.category, LEAKS) and "sklearn/metrics" not in record.filename.replace("\\", "/"):
            place = f"{record.filename.rpartition('/')[2]}:{record.lineno}"
            leaks.append(Outcome(LEAKED, step, f"{record.category.__name__}: {record.message}", place))
    outcomes += dict.fromkeys(leaks)
    return result


def _judge_error(case, step, error):
    message, frames = str(error), traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if frame.filename.startswith(PACKAGE)]
    place = f"{own[-1].filename.removeprefix(PACKAGE)[1:]}:{own[-1].lineno}" if own else ""
    text = f"{type(error).__name__}: {message[:300]}".replace("\n", " ")
    parameters = case.model.get_params() if hasattr(case.model, "get_params") else {}
    names = [*ARGUMENTS, *case.keywords, *(name.rpartition("__")[2] for name in parameters)]
    names += [re.escape(str(name)) for name in getattr(case.X, "columns", []) if str(name)]
    named = re.search(rf"(?<!\w)({'|'.join(names)})(?!\w)", message)
    expected = isinstance(error, (ValueError, TypeError, MemoryError, NotFittedError))
    clear = expected and (named or USUAL.match(message)) and not INTERNAL.search(message)
    return Outcome(CLEAR if clear else UNCLEAR, step, text, place)


def _run_estimator(case, outcomes):
    model = clone(case.model)
    before = _fitted_before(case, model)
    copies = copy.deepcopy((case.X, case.y, case.keywords))
    fitted = _attempt(case, outcomes, "fit", lambda: model.fit(case.X, case.y, **case.keywords))
    _check_untouched(case, copies, outcomes)
    if fitted is None:
        if before is not None:
            _check_not_spoiled(case, model, before, outcomes)
        return
    _attempt(case, outcomes, "attributes", lambda: model, _judge_attributes)
    for name, rows in (("training rows", case.X), *((f"new rows {k}", rows) for k, rows in enumerate(case.new))):
        for method, judge in _questions(model):
            ask = functools.partial(_ask, model, method, rows, case.coverage)
            _attempt(case, outcomes, f"{method} of {name}", ask, judge(rows))
    _attempt(case, outcomes, "pickle", lambda: pickle.loads(pickle.dumps(model)), _judge_copy(model, case.X))
    if hasattr(model, "score"):
        _attempt(case, outcomes, "score", lambda: model.score(case.X, case.y))


def _run_function(case, outcomes):
    function, n_columns = getattr(rfmlearn, case.subject), np.shape(case.X)[1]

    def judge(agop):
        if not np.isfinite(agop).all():
            return NOT_FINITE, f"{np.sum(~np.isfinite(agop))} of {agop.size} entries"
        if agop.ndim != 2 or len(agop) > n_columns or not np.allclose(agop, agop.T, rtol=1e-9, atol=0):
            return WRONG, f"not symmetric, or of shape {agop.shape}"
        return None

    _attempt(case, outcomes, "call", lambda: function(case.model, case.X, **case.keywords), judge)


def _ask(model, method, rows, coverage):
    if method == "return_std":
        return np.stack(model.predict(rows, return_std=True), axis=-1)
    if method in ("predict_interval", "predict_set"):
        return getattr(model, method)(rows, coverage)
    return getattr(model, method)(rows)


def _questions(model):
    """Methods that the model has, with what judges their answers for some rows."""
    numbers = ("predict", "decision_function", "predict_proba", "transform", "predict_interval", "predict_set")
    return [
        (name, lambda rows, name=name: _judge_answer(model, name, rows)) for name in numbers if hasattr(model, name)
    ]


def _judge_answer(model, method, rows):
    n_rows = len(rows)

    def judge(answer):
        answer = np.asarray(answer)
        if len(answer) != n_rows:
            return WRONG, f"{len(answer)} answers for {n_rows} rows"
        if answer.dtype.kind == "f" and not np.isfinite(answer).all():
            return NOT_FINITE, f"{np.sum(~np.isfinite(answer))} of {answer.size} numbers"
        if method == "predict" and hasattr(model, "classes_") and not np.isin(answer, model.classes_).all():
            return WRONG, "labels that fit has not seen"
        if method == "predict_proba":
            sums = answer.sum(axis=1)
            if answer.shape[1] != len(model.classes_) or answer.min() < 0 or abs(sums - 1).max() > 1e-5:
                return WRONG, f"probabilities of shape {answer.shape} with sums {sums.min():.6g} to {sums.max():.6g}"
        if method == "return_std" and (answer[..., 1] < 0).any():
            return WRONG, "negative deviations"
        if method == "predict_interval" and (answer[..., 0] > answer[..., 1]).any():
            return WRONG, "intervals whose ends are the wrong way round"
        return None

    return judge


def _judge_attributes(model):
    for name in ("agop_", "feature_importances_", "dual_coef_", "patch_agop_", "feature_matrix_"):
        values = getattr(model, name, None)
        if values is not None and not np.isfinite(values).all():
            return NOT_FINITE, name
    shares = getattr(model, "feature_importances_", None)
    if shares is not None and (shares.min() < 0 or abs(shares.sum() - 1) > 1e-6):
        return WRONG, f"importances from {shares.min():.3g} that sum to {shares.sum():.6g}"
    return None


def _judge_copy(model, X):
    method = "predict" if hasattr(model, "predict") else "transform"

    def judge(other):
        try:
            first, second = (np.asarray(getattr(m, method)(X)) for m in (model, other))
        except Exception:  # judged where it was asked for
            return None
        return None if _equal(first, second) else (WRONG, f"{method} differs after pickling")

    return judge


def _equal(a, b):
    return a.shape == b.shape and bool(np.all((a == b) | ((a != a) & (b != b))))


def _fitted_before(case, model):
    """Predictions of the model after a fit to something plain; None if there is none, or it fails."""
    if case.plain is None:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _predicted(model.fit(*case.plain), case.plain[0])
    except Exception:  # parameters may be hostile
        return None


def _predicted(model, X):
    return np.asarray(model.predict(X) if hasattr(model, "predict") else model.transform(X))


def _check_not_spoiled(case, model, before, outcomes):
    """After a fit that failed: the model of before, or none."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            same = _equal(_predicted(model, case.plain[0]), before)
    except NotFittedError:
        return
    except Exception as error:
        outcomes.append(Outcome(WRONG, "predict after a fit that failed", f"{type(error).__name__}: {error}"[:200]))
        return
    if not same:
        outcomes.append(Outcome(WRONG, "predict after a fit that failed", "neither the model of before nor none"))


def _check_untouched(case, copies, outcomes):
    """What the user gave is as it was."""
    for name, now, then in zip(("X", "y", "keywords"), (case.X, case.y, case.keywords), copies, strict=True):
        try:
            with warnings.catch_warnings():  # of pandas, which writes down huge numbers
                warnings.simplefilter("ignore")
                same = pickle.dumps(now) == pickle.dumps(then) or str(np.asarray(now)) == str(np.asarray(then))
        except Exception:  # an iterator, say
            continue
        if not same:
            outcomes.append(Outcome(WRONG, "fit", f"{name} was changed"))
