"""How good a fitted estimator is: on rows given, and by what its fit has seen."""

from __future__ import annotations

import math

import numpy as np
from sklearn.base import is_classifier
from sklearn.metrics import confusion_matrix, mean_absolute_error, r2_score, root_mean_squared_error
from sklearn.utils import check_consistent_length

from .._row_targets import class_codes
from ._html import paragraph, preformatted, table

_MOST_CLASSES = 20


def scores_of_fit(estimator):
    """What the fit knows: leave-one-out or validation loss of the round kept, or out-of-fold scores."""
    if hasattr(estimator, "cv_results_"):
        rows = [
            ("best single machine, out-of-fold", estimator.best_score_),
            ("average of the members, out-of-fold", estimator.ensemble_score_),
        ]
        note = "The weights of the average were chosen on the same rows, so its score is optimistic, by little."
        return table(["score", "value"], rows) + paragraph(note, "note") + preformatted(estimator.summary())
    kept = next(record for record in estimator.history_ if record["n_iter"] == estimator.best_iter_)
    names = {
        "train_loss": "on the training rows",
        "leave_one_out_loss": "leave-one-out",
        "validation_loss": "on the validation set",
    }
    rows = [(text, kept[name]) for name, text in names.items() if kept.get(name) is not None]
    losses = "Mean squared errors" if has_squared_error(estimator) else f"Mean losses, {estimator.loss},"
    note = (
        f"{losses} in units of the coded targets, of the round kept. Leave-one-out is optimistic once "
        "features are learned, since they have seen the label left out."
    )
    return table(["loss", "value"], rows) + paragraph(note, "note")


def has_squared_error(estimator):
    """Whether that is what the estimator minimises."""
    return getattr(estimator, "loss", "squared_error") == "squared_error"


def scores_on_rows(estimator, X, y):
    """Scores on the rows given."""
    note = (
        f"{len(X)} rows given to the report. If the estimator was fitted to them, these scores say how well it "
        "remembers, not how well it predicts."
    )
    if is_classifier(estimator):
        scores = _scores_of_classes
    else:
        scores = _scores_of_numbers if has_squared_error(estimator) else _scores_of_loss
    return paragraph(note, "note") + scores(estimator, X, y)


def check_rows(estimator, X, y):
    """Raise unless X and y are both given or both not, of one length, and without unknown classes."""
    if (X is None) != (y is None):
        given, missing = ("X", "y") if y is None else ("y", "X")
        raise ValueError(f"{given} was given without {missing}: pass both or neither.")
    if X is None:
        return
    check_consistent_length(X, y)
    if is_classifier(estimator) and (class_codes(y, estimator.classes_) < 0).any():
        raise ValueError("y has a missing label (None, NaN or NA): every row needs one.")


def _up_to_one(score):
    """A score of which the best is 1 as text, with so many digits that nothing less is called 1."""
    if score >= 1.0:
        return f"{score:.4g}"
    digits = max(4, 1 - int(np.floor(np.log10(1.0 - score))))
    return f"{score:.{digits}g}"


def _scores_of_classes(estimator, X, y):
    classes = estimator.classes_
    probabilities = estimator.predict_proba(X).astype(np.float64)
    codes, predicted = class_codes(y, classes), probabilities.argmax(axis=1)
    truth = probabilities[np.arange(len(codes)), codes]
    indicators = np.eye(len(classes))[codes]
    rows = [
        (
            "accuracy",
            _up_to_one(float(np.mean(predicted == codes))),
            "share of rows whose most probable class is right",
        ),
        ("log-loss", -float(np.mean(np.log(np.maximum(truth, 1e-15)))), "0 is perfect"),
        (
            "Brier score",
            float(np.mean(np.sum((probabilities - indicators) ** 2, axis=1))),
            "squared distance of probabilities and the indicator of the class, 0 to 2",
        ),
    ]
    page = table(["score", "value", "meaning"], rows)
    if len(classes) > _MOST_CLASSES:
        return page
    counts = confusion_matrix(codes, predicted, labels=np.arange(len(classes)))
    names = [str(name) for name in classes.tolist()]
    matrix = [(name, *(int(count) for count in line)) for name, line in zip(names, counts, strict=True)]
    heading = "<h3>Confusion matrix</h3>" + paragraph("Rows are true classes, columns are predictions.", "note")
    return page + heading + table(["true class", *names], matrix)


def _scores_of_numbers(estimator, X, y):
    # Dividing by a power of two is exact and keeps squares from overflow and underflow.
    y, exponent = np.asarray(y, dtype=np.float64), int(np.frexp(np.max(np.abs(y)))[1])
    predicted = np.ldexp(estimator.predict(X).astype(np.float64), -exponent)
    y = np.ldexp(y, -exponent)
    if len(predicted) < 2:
        r2 = ("R2", "undefined", "it needs two rows")
    else:
        r2 = ("R2", _up_to_one(float(r2_score(y, predicted))), "1 is perfect, 0 is the mean")
    rows = [
        r2,
        (
            "RMSE",
            math.ldexp(root_mean_squared_error(y, predicted), exponent),
            "root of the mean squared error, in units of y",
        ),
        ("MAE", math.ldexp(mean_absolute_error(y, predicted), exponent), "mean absolute error, in units of y"),
    ]
    return table(["score", "value", "meaning"], rows)


def _scores_of_loss(estimator, X, y):
    rows = [("D2", _up_to_one(estimator.score(X, y)), f"share of the loss, {estimator.loss}, that is explained")]
    if estimator.loss == "quantile":
        below = np.mean(np.reshape(y, (len(y), -1)) <= estimator.predict(X).reshape(len(y), -1), axis=0)
        levels = np.broadcast_to(estimator.quantile, below.shape)
        rows += [
            (f"share below quantile {tau:g}", float(share), f"{tau:g} is right")
            for tau, share in zip(levels, below, strict=True)
        ]
    return table(["score", "value", "meaning"], rows)
