"""What a report says of a fitted estimator, section by section."""

from __future__ import annotations

import re
import reprlib
import warnings
from dataclasses import fields

import numpy as np
from sklearn.base import is_classifier

from .._agop_display import AGOPDisplay
from .._learned_agop import LearnedAGOP
from .._matplotlib import unmanaged_figure
from .._path_display import RFMPathDisplay
from .._projection_display import FIGURE_SIZE, ProjectionDisplay
from ._html import Bar, bullets, number, paragraph, picture, table
from ._scores import scores_of_fit, scores_on_rows

_MOST_COLUMNS = 30
_MOST_CLASSES = 20

_shorten = reprlib.Repr()
_shorten.maxstring = _shorten.maxother = 300
_shorten.maxlist = _shorten.maxdict = 12
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")


def sections(estimator, X, y):
    """Titles and contents in HTML, in the order of the page."""
    found = [("Data", _data(estimator))]
    if X is not None:
        found.append(("Scores on the rows given", scores_on_rows(estimator, X, y)))
    found += [
        ("Scores of the fit", scores_of_fit(estimator)),
        ("Warnings of the fit", _warnings(estimator)),
        ("What was chosen", _choices(estimator)),
        ("Parameters", _parameters(estimator)),
        ("Importance of columns", _importances(estimator)),
    ]
    if not LearnedAGOP.of(estimator).names:
        return [*found, ("AGOP", paragraph("All columns were constant in training, so there is nothing to draw."))]
    found.append(("AGOP", _agop(estimator)))
    if hasattr(estimator, "history_"):
        found.append(("Rounds of feature learning", _rounds(estimator)))
    if X is not None:
        found.append(("Rows on the leading directions", _projection(estimator, X, y)))
    return found


def _data(estimator):
    encoder = LearnedAGOP.of(estimator).encoder
    points = (
        estimator.members_[0].machines[0].machine.centers
        if hasattr(estimator, "members_")
        else estimator.machine_.centers
    )
    rows = [
        ("training rows", len(points)),
        ("columns", estimator.n_features_in_),
        ("numeric columns", len(encoder.numeric_)),
        ("categorical columns", len(encoder.categorical_)),
        ("coordinates", len(encoder.coordinate_names_)),
    ]
    if is_classifier(estimator):
        names = [str(name) for name in estimator.classes_.tolist()]
        more = f", and {len(names) - _MOST_CLASSES} more" if len(names) > _MOST_CLASSES else ""
        rows.append(("target", f"{len(names)} classes: {', '.join(names[:_MOST_CLASSES])}{more}"))
    else:
        n_outputs = int(np.prod(estimator._y_shape))
        rows.append(("target", "a number" if n_outputs == 1 else f"{n_outputs} numbers"))
    note = (
        "Rows of weight zero are not counted. Coordinates are what the model computes with: scaled numbers, indicators "
        "of missing ones, and codes of categories; columns constant in training have none."
    )
    return table(["data", "value"], rows) + paragraph(note, "note")


def _warnings(estimator):
    found = getattr(estimator, "fit_warnings_", [])
    return bullets(found) if found else paragraph("none")


def _choices(estimator):
    if not hasattr(estimator, "members_"):
        rows = [
            ("kernel", _kernel(estimator.kernel_)),
            ("ridge", estimator.alpha_),
            ("round kept", estimator.best_iter_),
            ("rounds run", estimator.n_iter_),
        ]
        return table(["quantity", "value"], rows)
    members = [
        (member.weight, member.n_iter, member.alpha, _kernel(member.machine.kernel), _settings(group.params))
        for group in estimator.members_
        for member in group.machines
    ]
    members.sort(key=lambda row: -row[0])
    note = "The members of the average. Settings are those that differ from the defaults of the single model."
    return paragraph(note, "note") + table(["weight", "rounds", "ridge", "kernel", "settings"], members)


def _kernel(kernel):
    parameters = (f"{field.name}={number(getattr(kernel, field.name))}" for field in fields(kernel) if field.repr)
    return f"{type(kernel).__name__}({', '.join(parameters)})"


def _text(value):
    """A parameter as text: functions by their qualified names, nothing by its address."""
    if hasattr(value, "__qualname__"):
        return f"{value.__module__}.{value.__qualname__}"
    return _ADDRESS.sub("", _shorten.repr(value))


def _settings(params):
    return ", ".join(f"{name}={_text(value)}" for name, value in params.items()) or "(none)"


def _parameters(estimator):
    given = {name: _text(value) for name, value in estimator.get_params(deep=False).items()}
    default = {name: _text(value) for name, value in type(estimator)().get_params(deep=False).items()}
    rows = [(name, value, default[name]) for name, value in given.items()]
    rows.sort(key=lambda row: row[1] == row[2])
    return paragraph("Those that differ from their defaults come first.", "note") + table(
        ["parameter", "given", "default"], rows
    )


def _importances(estimator):
    importances = estimator.feature_importances_
    names = LearnedAGOP.of(estimator).encoder.column_names
    order = np.argsort(-importances, kind="stable")[:_MOST_COLUMNS]
    largest = importances.max()
    rows = [(names[j], float(importances[j]), Bar(float(importances[j] / largest))) for j in order]
    note = (
        "Share of each column in the trace of the AGOP. Columns that do not matter have small shares, not zero: how "
        "small is noise, FeatureImportanceDisplay in rfmlearn.inspection tells, by fits with shuffled copies."
    )
    if len(order) < len(importances):
        note = f"The {len(order)} largest of {len(importances)}. {note}"
    return paragraph(note, "note") + table(["column", "importance", ""], rows)


def _agop(estimator):
    learned = LearnedAGOP.of(estimator)
    display = AGOPDisplay(learned.agop, learned.names, title=learned.source)
    display.plot(fig=unmanaged_figure(display.figure_size()))
    largest = np.argsort(-np.diag(learned.agop), kind="stable")[:5]
    description = (
        f"{learned.source}: the matrix, its spectrum, of which the largest eigenvalue is "
        f"{100.0 * display.share_of_trace[0]:.3g} % of the trace, and its leading directions. The coordinates of the "
        f"largest diagonal are {', '.join(learned.names[j] for j in largest)}."
    )
    note = (
        "Average gradient outer product of the prediction over the training rows, in scaled coordinates. Its diagonal "
        "says how strongly the prediction reacts to a coordinate; its leading directions, to which combinations."
    )
    if len(getattr(estimator, "members_", [])) > 1:
        note += " The picture is of the member of the largest weight, while importances are averages of all members."
    return paragraph(note, "note") + picture(display.figure_, description)


def _rounds(estimator):
    display = RFMPathDisplay(estimator.history_, kept=estimator.best_iter_)
    display.plot(fig=unmanaged_figure(display.figure_size()))
    description = (
        f"Losses, alignment and effective rank over {len(estimator.history_)} rounds; round {estimator.best_iter_} was "
        "kept. The table has the numbers."
    )
    keys = list(dict.fromkeys(key for record in estimator.history_ for key in record))
    keys.sort(key=lambda key: key != "n_iter")
    rows = [["" if record.get(key) is None else record[key] for key in keys] for record in estimator.history_]
    return picture(display.figure_, description) + table(keys, rows)


def _projection(estimator, X, y):
    y = y if y.ndim == 1 else None  # several outputs have no one colour
    ax = unmanaged_figure(FIGURE_SIZE).add_subplot()
    with warnings.catch_warnings():
        # The scores have warned of it.
        warnings.filterwarnings("ignore", "X does not have valid feature names", UserWarning)
        display = ProjectionDisplay.from_estimator(estimator, X, y, ax=ax)
    colored = "" if y is None else ", coloured by target"
    description = (
        f"The {len(display.projections)} rows given, projected on the leading directions of the AGOP{colored}."
    )
    return paragraph(description, "note") + picture(display.figure_, description)
