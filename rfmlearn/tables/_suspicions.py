"""Columns taken for categories that look as if they were meant to be something else."""

from __future__ import annotations

import re

import numpy as np

from ._values import family, some

# With fewer rows, or fewer levels, nothing can be told.
_FEWEST_ROWS = 40
_FEWEST_LEVELS = 10
_FEWEST_WHOLE_NUMBERS = 25  # fewer of them may well be codes: grades, months, hours
_FEWEST_BESIDE_A_GAP = 3
_MOSTLY = 0.8
_LOOKED_AT = 1000  # levels, at most

_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")
_DIGITS = r"(\d{1,3}([., '\u00a0]\d{3})+|\d+)([.,]\d+)?"
_WRITTEN_NUMBER = re.compile(rf"[-+(]?\s*[$€£¥]?\s*[-+]?{_DIGITS}\s*([$€£¥%]|[KkMm])?\)?")
_CODE = re.compile(r"0\d+")  # a number would lose the zero
_MONTH = "(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*"
_DATE = re.compile(
    r"(\d{4}([-/.])\d{1,2}(\2\d{1,2})?"
    r"|\d{1,2}([-/.])\d{1,2}\4\d{2}(\d{2})?"
    rf"|(\d{{1,2}}[-. ]+)?{_MONTH}[-. ]+(\d{{1,2}},? +)?\d{{2,4}})"
    r"([T ,]+\d{1,2}:\d\d.*)?",
    re.IGNORECASE,
)
_GAPS = {"", "?", "-", "--", ".", "*", "na", "n/a", "#n/a", "nan", "null", "none", "nil", "missing", "unknown", "nd"}


def suspicion(name, levels, n_rows, declared):
    """What is suspicious about a categorical column, and the way out; None if nothing is.

    Parameters
    ----------
    name : str
    levels : list
        Its levels, without that of missing values.
    n_rows : int
        Rows in which it is not missing.
    declared : bool
        Whether its type or the user says that it is categorical: numbers and dates as text are then meant so.
    """
    # Repeated rows, as a bootstrap sample has them, leave about two thirds of the values of a column of ids.
    is_unique = n_rows >= _FEWEST_ROWS and len(levels) > _MOSTLY * n_rows
    meant = None if declared else _meant(levels)
    if meant is not None:
        return meant.format(name=name) + (" Drop it if it holds ids." if is_unique else "")
    if is_unique:
        return (
            f"Column {name!r} is a category with {len(levels)} different values in {n_rows} rows, such as "
            f"{some(levels)}: nothing can be learned of values that do not come back. Drop it if it holds ids, or make "
            "columns of what is in it (lengths, words, parts)."
        )
    return None


def _meant(levels):
    """What text was probably meant to be, with a place for the name of the column."""
    families = {family(level) for level in levels}
    if "text" not in families or not families <= {"text", "numbers"} or len(levels) < _FEWEST_BESIDE_A_GAP:
        return None
    looked_at = [str(level).strip() for level in levels[:: max(1, len(levels) // _LOOKED_AT)]]
    if any(_CODE.fullmatch(text) for text in looked_at):
        return None
    for pattern, fewest, what, way_out in (
        (_NUMBER, _FEWEST_WHOLE_NUMBERS, "numbers", "pandas.to_numeric(..., errors='coerce')"),
        (_DATE, _FEWEST_LEVELS, "dates", "pandas.to_datetime(..., errors='coerce')"),
        (_WRITTEN_NUMBER, _FEWEST_WHOLE_NUMBERS, "numbers", "strip signs, units and separators of thousands from it"),
    ):
        found = np.array([pattern.fullmatch(text) is not None for text in looked_at])
        if found.mean() < _MOSTLY and not _only_gaps(looked_at, found):
            continue
        if what == "numbers" and any("." in text or "," in text for text in looked_at):
            fewest = _FEWEST_LEVELS
        if len(levels) >= fewest or _only_gaps(looked_at, found):
            others = some(text for text, is_it in zip(looked_at, found, strict=True) if not is_it)
            return _message(len(levels), what, others, way_out)
    return None


def _only_gaps(texts, found):
    """Whether all that is not found, which is something, says that a value is missing."""
    others = {text.lower() for text, is_it in zip(texts, found, strict=True) if not is_it}
    return found.sum() >= _FEWEST_BESIDE_A_GAP and bool(others) and others <= _GAPS


def _message(n_levels, what, others, way_out):
    besides = f" besides {others.replace('{', '{{').replace('}', '}}')}" if others else ""
    return (
        f"Column {{name!r}} is text, though it mostly holds {what}{besides}, and counts as a category with {n_levels} "
        f"levels. Convert it: {way_out}. If it does hold categories, name it in categorical_features."
    )
