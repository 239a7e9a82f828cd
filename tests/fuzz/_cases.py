"""A case: an estimator, its parameters, what it is fitted to and what it is then asked, all drawn by a number."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.tree import DecisionTreeRegressor

import rfmlearn

from ._parameters import parameters
from ._tables import MISSHAPEN, TablePlan, short, wrapped
from ._values import GROUPS, LABELS, PLAIN, TARGETS, WEIGHTS

# How often each is drawn.
SUBJECTS = {
    "RFMRegressor": 26,
    "RFMClassifier": 26,
    "RFMRegressorCV": 6,
    "RFMClassifierCV": 6,
    "DeepRFMRegressor": 5,
    "DeepRFMClassifier": 5,
    "ConvRFMClassifier": 10,
    "AGOPFeatureMap": 10,
    "average_gradient_outer_product": 6,
}
# Settings under which a fit takes little time.
CHEAP: dict[str, dict[str, Any]] = {
    "RFMRegressor": {"max_iter": 1},
    "RFMClassifier": {"max_iter": 1},
    "RFMRegressorCV": {"settings": [{"max_iter": 1}], "cv": 2},
    "RFMClassifierCV": {"settings": [{"max_iter": 1}], "cv": 2},
    "DeepRFMRegressor": {"n_layers": 2, "n_random_features": 20},
    "DeepRFMClassifier": {"n_layers": 2, "n_random_features": 20},
    "ConvRFMClassifier": {"max_iter": 1, "depth": 1, "n_agop_samples": 10},
    "AGOPFeatureMap": {},
}
ASPECTS = ("table", "target", "weights", "groups", "validation", "parameters", "new rows", "shape")
SIZES = (1, 2, 3, 5, 8, 13, 20, 30, 45, 60)


@dataclass
class Case:
    """What is tried.

    Attributes
    ----------
    number : int
    subject : str
        Estimator or function of `rfmlearn`.
    model : object
        The estimator, unfitted; fitted for a function.
    X, y : object
        What it is fitted to, or given.
    keywords : dict
        Of `fit`, or of the function.
    new : list
        Tables to predict, beside X.
    coverage : float
        Of intervals and sets.
    plain : tuple (X, y) or None
        A problem to fit first, so that a failing fit has something to spoil.
    words : list of str
        Names that an error may use to say what is wrong, beside those of parameters and arguments.
    notes : list of str
        What is hostile, in words.
    """

    number: int
    subject: str
    model: Any
    X: Any
    y: Any
    keywords: dict = field(default_factory=dict)
    new: list = field(default_factory=list)
    coverage: float = 0.5
    plain: tuple | None = None
    words: list = field(default_factory=list)
    notes: list = field(default_factory=list)

    def __str__(self):
        lines = [f"case {self.number}: {self.subject}", f"  model: {short(self.model, 300)}"]
        lines += [f"  {note}" for note in self.notes]
        return "\n".join([*lines, *(f"  {name}: {short(value, 200)}" for name, value in self.keywords.items())])


def make_case(number):
    """The case of a number."""
    rng = np.random.default_rng([number, 20_131])
    subject = str(rng.choice(list(SUBJECTS), p=np.array(list(SUBJECTS.values())) / sum(SUBJECTS.values())))
    count = int(rng.choice([0, 1, 1, 1, 2, 2, 3, len(ASPECTS)]))
    hostile = set(rng.choice(ASPECTS, count, replace=False).tolist())
    if subject == "average_gradient_outer_product":
        return _gradient_case(number, rng, hostile)
    if subject == "ConvRFMClassifier":
        return _image_case(number, rng, hostile)
    return _table_case(number, subject, rng, hostile)


def _table_case(number, subject, rng, hostile):
    z = _signal(rng, hostile)
    plan = TablePlan.draw(rng, "table" in hostile)
    classifies = "Classifier" in subject or (subject == "AGOPFeatureMap" and rng.random() < 0.5)
    case = Case(number, subject, None, plan.table(rng, z), None, words=list(plan.columns))
    case.notes.append(f"{len(z)} rows of {plan.container}: {', '.join(plan.columns)}; {plan.layout} {plan.types}")
    case.y = _target(rng, z, classifies, "target" in hostile, case.notes)
    case.model = _model(rng, subject, hostile, case)
    _add_keywords(rng, z, hostile, plan, classifies, case)
    case.new = [_other_rows(rng, plan, "new rows" in hostile, case.notes)]
    if "shape" in hostile and hasattr(case.X, "shape") and rng.random() < 0.3:
        kind = str(rng.choice(list(MISSHAPEN)))
        case.notes.append(f"X: {kind}")
        case.X = MISSHAPEN[kind](case.X)
    case.coverage = float(rng.choice([0.1, 0.5, 0.7, 1e-300, 1 - 1e-16, 0.99, 1.0]))
    if rng.random() < 0.2:
        other = rng.normal(size=20)
        case.plain = rng.normal(size=(20, 2)), (other > 0).astype(int) if classifies else other
    return case


def _signal(rng, hostile):
    n = int(rng.choice(SIZES if "shape" in hostile else SIZES[5:]))
    return rng.normal(size=n)


def _target(rng, z, classifies, hostile, notes):
    makers, plain = (LABELS, PLAIN["LABELS"]) if classifies else (TARGETS, PLAIN["TARGETS"])
    kind = str(rng.choice(list(makers) if hostile else plain))
    notes.append(f"y: {kind}")
    values = makers[kind](rng, z)
    return wrapped(rng, values) if hostile else values


def _model(rng, subject, hostile, case):
    cls = getattr(rfmlearn, subject)
    share = 0.4 if "parameters" in hostile else 0.05
    chosen = CHEAP[subject] | parameters(rng, cls, share)
    if chosen.get("settings", 0) is None:
        chosen["settings"] = CHEAP[subject]["settings"]  # a dozen would take long
    if "random_state" in cls._parameter_constraints and chosen.get("random_state") is None:
        chosen["random_state"] = 0
    if "class_weight" in cls._parameter_constraints and rng.random() < 0.15:
        chosen["class_weight"] = _class_weight(rng, case.y)
    if "categorical_features" in cls._parameter_constraints and rng.random() < 0.1:
        odd = [[0], [-1], [99], ["colour"], [True], None, [], np.array([0]), "from_dtype"]
        chosen["categorical_features"] = odd[rng.integers(len(odd))]
    if "feature_matrix_init" in cls._parameter_constraints and rng.random() < 0.05:
        width = int(np.prod(np.shape(case.X)[1:2]))
        odd = [np.ones(width), np.eye(width), np.full(width, 1e300), np.full(width, 1e-300), np.zeros(width)]
        odd += [np.full(width, np.nan), -np.eye(width), np.ones(width + 1), np.arange(width), [[1, 2], [3]], "text"]
        chosen["feature_matrix_init"] = odd[rng.integers(len(odd))]
    if subject == "AGOPFeatureMap" and rng.random() < 0.3:
        odd = [Ridge(), DecisionTreeRegressor(max_depth=2, random_state=0), rfmlearn.RFMRegressor(max_iter=1)]
        chosen["estimator"] = odd[rng.integers(len(odd))]
    return cls(**chosen)


def _class_weight(rng, y):
    if rng.random() < 0.5:
        return "balanced"
    try:
        labels = sorted({label for label in np.asarray(y).ravel().tolist()})
    except TypeError:
        labels = [0, 1]
    return {label: float(rng.choice([0.0, 1e-300, 0.1, 1.0, 7.0, 1e10, 1e300])) for label in labels}


def _add_keywords(rng, z, hostile, plan, classifies, case):
    """Weights, groups and a validation set."""
    accepted = inspect.signature(case.model.fit).parameters

    def choose(makers, name, plain, n_values):
        kind = str(rng.choice(list(makers) if name in hostile else plain))
        case.notes.append(f"{name}: {kind}")
        return wrapped(rng, makers[kind](rng, n_values))

    if "sample_weight" in accepted and ("weights" in hostile or rng.random() < 0.15):
        case.keywords["sample_weight"] = choose(WEIGHTS, "weights", ["any", "repetitions"], z)
    if "groups" in accepted and ("groups" in hostile or rng.random() < 0.1):
        case.keywords["groups"] = choose(GROUPS, "groups", ["few", "words"], z)
    if "X_val" in accepted and ("validation" in hostile or rng.random() < 0.1):
        z_val = rng.normal(size=int(rng.choice([1, 5, 15])))
        case.keywords["X_val"] = plan.table(rng, z_val)
        case.keywords["y_val"] = _target(rng, z_val, classifies, "validation" in hostile, case.notes)
        if rng.random() < 0.5:
            case.keywords["sample_weight_val"] = choose(WEIGHTS, "validation", ["any"], z_val)


def _other_rows(rng, plan, hostile, notes):
    """Rows that fit has not seen, and what fit would not expect."""
    z = rng.normal(size=int(rng.choice([1, 2, 7])))
    if not hostile:
        return plan.table(rng, z)
    columns = TablePlan.draw(rng, True)
    kinds = tuple(
        str(rng.choice(columns.columns)) if plan.container != "array" and rng.random() < 0.5 else old
        for old in plan.columns
    )
    if plan.container == "array":
        kinds = tuple(str(rng.choice(["huge", "tiny", "NaN", "extremes", "infinite", "bools"])) for _ in plan.columns)
    notes.append(f"new rows: {', '.join(kinds)}")
    return TablePlan(plan.container, kinds, plan.layout, plan.types).table(rng, 1e3 * z)


def _image_case(number, rng, hostile):
    z = _signal(rng, hostile)
    shape = tuple(int(side) for side in rng.choice([3, 4, 5, 6], 2))
    shape = (*shape, int(rng.choice([1, 2, 3]))) if rng.random() < 0.4 else shape
    case = Case(number, "ConvRFMClassifier", None, None, None)
    images = rng.random((len(z), *shape))
    images[:, : shape[0] // 2] += z.reshape(-1, *[1] * len(shape))
    case.X = _spoiled_images(rng, images, "table" in hostile, case.notes)
    case.y = _target(rng, z, True, "target" in hostile, case.notes)
    case.model = _model(rng, "ConvRFMClassifier", hostile, case)
    if rng.random() < 0.2 and len(case.X) == len(images):
        case.X = np.reshape(case.X, (len(images), -1))
        case.model.set_params(image_shape=shape if rng.random() < 0.9 else (-1, 2))
    _add_keywords(rng, z, hostile, None, True, case)
    new = rng.random((int(rng.choice([1, 3])), *shape))
    new = _spoiled_images(rng, new, "new rows" in hostile, case.notes)
    case.new = [new.reshape(len(new), -1) if np.ndim(case.X) == 2 else new]
    if rng.random() < 0.2:
        case.plain = rng.random((20, *np.shape(images)[1:])), np.arange(20) % 2
    return case


def _spoiled_images(rng, images, hostile, notes):
    if not hostile:
        return images.astype(np.float32) if rng.random() < 0.5 else images
    kinds = ("uint8", "uint16", "bool", "black", "even", "NaN", "infinite", "huge", "large", "tiny", "float16", "one")
    kind = str(rng.choice([*kinds, "big-endian", "fortran", "objects", "text", "negative", "2-d", "offset"]))
    notes.append(f"images of shape {images.shape}: {kind}")
    odd = {"NaN": np.nan, "infinite": np.inf, "one": 1e12}
    if kind in odd:
        images[0].flat[0] = odd[kind]
    scales = {"huge": 1e200, "large": 1e12, "tiny": 10.0 ** rng.uniform(-300, -8), "black": 0.0, "negative": -1.0}
    casts = {
        "uint8": "u1",
        "uint16": "u2",
        "bool": "?",
        "float16": "f2",
        "objects": "O",
        "text": "U",
        "big-endian": ">f8",
    }
    if kind in casts:
        return np.clip(images * (200 if kind.startswith("uint") else 1), 0, 255).astype(casts[kind])
    if kind == "even":
        return np.ones_like(images) * images.mean(axis=tuple(range(1, images.ndim)), keepdims=True)
    if kind == "2-d":
        return images[0] if images.ndim == 3 else images[0, ..., 0]
    if kind == "offset":
        return images + 1e6
    return np.asfortranarray(images) if kind == "fortran" else images * scales.get(kind, 1.0)


def _gradient_case(number, rng, hostile):
    """The AGOP of a fitted model, at rows that may be hostile."""
    plan, z = TablePlan.draw(rng, False), rng.normal(size=30)
    plan = TablePlan("array", plan.columns, plan.layout, plan.types) if "words" not in plan.columns else plan
    table, models = plan.table(rng, z), [rfmlearn.RFMRegressor(max_iter=1), rfmlearn.RFMClassifier(max_iter=1)]
    if plan.container == "array":
        models += [Ridge(), LogisticRegression(), DecisionTreeRegressor(max_depth=3, random_state=0)]
    model = models[rng.integers(len(models))]
    y = (z > 0).astype(int) if "Classifier" in type(model).__name__ or isinstance(model, LogisticRegression) else z
    case = Case(number, "average_gradient_outer_product", model.fit(table, y), table, y)
    if "table" in hostile or "new rows" in hostile:
        case.X = _other_rows(rng, plan, True, case.notes)
    options = {
        "output": ["auto", "prediction", "probability", "decision", "nonsense"],
        "center": [True, False],
        "n_samples": [None, 1, 5, 10**6, 0],
        "method": ["auto", "closed_form", "differences"],
        "features": [None, [0], [], [True] * len(plan.columns), [99], ["age"], [0, 0]],
        "step": [None, 0.5, 1e-300, 1e-10, 1e10, 1e300, 0.0, np.nan, -1.0],
        "batch_size": [1, 2, 10_000, 0],
        "n_jobs": [None, 1, 2, 0],
    }
    share = 0.4 if "parameters" in hostile else 0.1
    case.keywords = {name: some[rng.integers(len(some))] for name, some in options.items() if rng.random() < share}
    case.keywords["random_state"] = 0
    if "weights" in hostile:
        kind = str(rng.choice(list(WEIGHTS)))
        case.notes.append(f"weights: {kind}")
        case.keywords["sample_weight"] = WEIGHTS[kind](rng, rng.normal(size=len(case.X)))
    return case
