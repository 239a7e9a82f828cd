"""The 121 sets of the UCI archive of 2014 with the study's own splits: a part of `papers.py`.

A set is any file with the field ``split4_test``; the splits speak of the study's first file, which are the rows that
are not in ``test_idx``. The four test parts are drawn independently of each other, and so is the split for tuning,
``tune_train_idx`` and ``tune_val_idx``. Columns are numbers as the study made them: standardised, categories by number.
"""

from __future__ import annotations

import functools
import json
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from common import seconds
from papers_authors import N_ROUNDS, afresh, choose, reused
from sklearn.ensemble import RandomForestClassifier

from rfmlearn import RFMClassifier, RFMClassifierCV

N_FOLDS, MANY_ROWS, MOST_ROWS_OF_AUTHORS = 4, 9_000, 30_000  # of the last are 7 GB, and hours
_NEVER_UNIT_ROWS = ("balance-scale",)  # as the authors have it: all of its rows differ in their length alone


@dataclass(frozen=True, eq=False)
class StudySet:
    """One set of the study: rows of its first file, and their splits."""

    name: str
    X: np.ndarray
    y: np.ndarray
    is_test: np.ndarray
    tune_train: np.ndarray
    tune_validation: np.ndarray

    def fold(self, fold):
        """Training and test rows."""
        return np.flatnonzero(~self.is_test[fold]), np.flatnonzero(self.is_test[fold])

    def tuning_without(self, fold):
        """The split for tuning without test rows of a fold."""
        return tuple(rows[~self.is_test[fold, rows]] for rows in (self.tune_train, self.tune_validation))


def find_study_sets(folder):
    """Paths of all sets with the study's splits and their rows, the smallest first."""
    found = []
    for path in sorted(Path(folder).rglob("*.npz")):
        with np.load(path) as arrays:
            if "split4_test" in arrays.files:
                found.append((arrays["split4_test"].shape[1], path.stem, path))
    return [(path, n_rows) for n_rows, _, path in sorted(found)]


@functools.lru_cache(maxsize=1)
def read_study_set(path):
    """A set, without the rows of the official test file."""
    with np.load(path) as arrays:
        X, y, is_test = arrays["X_num"].astype(np.float64), arrays["y"], arrays["split4_test"].astype(bool)
        if "test_idx" in arrays.files:
            rows = np.setdiff1d(np.arange(len(y)), arrays["test_idx"])
            X, y = X[rows], y[rows]
        if is_test.shape != (N_FOLDS, len(y)):
            raise ValueError(f"{path}: split4_test must have shape ({N_FOLDS}, {len(y)}), has {is_test.shape}")
        y = np.unique(y, return_inverse=True)[1].ravel()
        return StudySet(path.stem, X, y, is_test, arrays["tune_train_idx"], arrays["tune_val_idx"])


# Models: from a set and a fold to accuracy and what is worth recording ------------------------------------------------


def ours(make):
    """A classifier that chooses everything on the training rows of the fold."""

    def run(study, fold):
        train, test = study.fold(fold)
        model = make().fit(study.X[train], study.y[train])
        return float(np.mean(model.predict(study.X[test]) == study.y[test])), {}

    return run


def authors(study, fold):
    """Their algorithm and protocol: settings and feature matrix of the one split for tuning, whatever it has seen."""
    choice = _tuned(study)
    return reused(study.X, study.y, *study.fold(fold), choice), _settings(choice)


def authors_relearned(study, fold):
    """The settings of the same split, the matrix learned on the training rows of the fold."""
    choice = _tuned(study)
    return afresh(study.X, study.y, *study.fold(fold), choice), _settings(choice)


def authors_afresh(study, fold):
    """Their algorithm, settings chosen without the test rows of the fold, the matrix learned on its training rows."""
    choice = choose(study.X, study.y, *study.tuning_without(fold), N_ROUNDS, _scalings(study))
    return afresh(study.X, study.y, *study.fold(fold), choice), _settings(choice)


def authors_plain(study, fold):
    """The same without feature learning: ridge and scaling of rows are chosen, the round is the first."""
    choice = choose(study.X, study.y, *study.tuning_without(fold), 1, _scalings(study))
    return afresh(study.X, study.y, *study.fold(fold), choice), _settings(choice)


@functools.lru_cache(maxsize=1)
def _tuned(study):
    return choose(study.X, study.y, study.tune_train, study.tune_validation, N_ROUNDS, _scalings(study))


def _scalings(study):
    return (False,) if study.name in _NEVER_UNIT_ROWS else (True, False)


def _settings(choice):
    return {"ridge": choice.ridge, "normalise": choice.normalise, "n_iter": choice.n_iter}


MODELS = {
    "rfm": ours(lambda: RFMClassifier(random_state=0)),
    "plain": ours(lambda: RFMClassifier(max_iter=0, random_state=0)),
    "authors-plain": authors_plain,
    "authors": authors,
    "authors-relearned": authors_relearned,
    "authors-afresh": authors_afresh,
    "forest": ours(lambda: RandomForestClassifier(500, n_jobs=1, random_state=0)),
    "rfmcv": ours(lambda: RFMClassifierCV(n_jobs=1, random_state=0)),
}
AUTHORS = "authors-plain", "authors", "authors-relearned", "authors-afresh"


# Runs -----------------------------------------------------------------------------------------------------------------


def jobs(folder, models, max_rows=None):
    """Triples of path, model and fold: what takes long comes last."""
    found = []
    for path, n in find_study_sets(folder):
        for k, model in enumerate(models):
            if n <= (max_rows or n) and (model not in AUTHORS or n <= MOST_ROWS_OF_AUTHORS):
                many = n > MANY_ROWS
                late = 1 if model == "rfmcv" else 2 if many and model in AUTHORS else 0
                found.append((many, late, n, path.stem, k, path))
    return [(path, models[k], fold) for *_, k, path in sorted(found) for fold in range(N_FOLDS)]


def run(folder, results, models, max_rows=None):
    """Score all folds that are not in the file yet, adding each at once."""
    done = {(r["set"], r["model"], r["fold"]) for r in read_results(results)}
    for path, model, fold in jobs(folder, models, max_rows):
        if (path.stem, model, fold) in done:
            continue
        study = read_study_set(path)
        record = {"set": study.name, "model": model, "fold": fold, "n": len(study.y), "d": study.X.shape[1],
                  "n_classes": int(study.y.max()) + 1}  # fmt: skip
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of small and rare classes, which the study has
                time, (accuracy, settings) = seconds(functools.partial(MODELS[model], study, fold))
            record |= {"accuracy": accuracy, "seconds": round(time, 3)} | settings
        except Exception as error:  # whatever it is: kept, and told in the report
            record["error"] = f"{type(error).__name__}: {error}"
        with results.open("a") as file:
            file.write(json.dumps(record) + "\n")


def read_results(results):
    """Records of a file, none if there is no file."""
    return [json.loads(line) for line in results.read_text().splitlines()] if results.exists() else []
