"""Records of benchmark runs, and the tables that compare the models in them.

A record is a line of JSON: what was fitted (``set, fold, model``), and either its scores and times or its ``error``.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
from scikit_posthocs import posthoc_wilcoxon
from scipy.stats import friedmanchisquare
from scores import METRICS

KEY = ["set", "fold", "model"]
_DIGITS = {"rank": 2, "wins %": 1, "p": 4, "normalised": 3, "mean": 4, "median": 4, "fit s": 2, "all fits s": 0,
           "predict s": 3, "coverage": 3, "size": 2}  # fmt: skip
# A calibration error is mostly noise on fewer test rows.
_ENOUGH_TO_CALIBRATE = 200


def read_records(path):
    """Records of a file, without its last line if that was cut off."""
    lines = Path(path).read_text().splitlines()
    records = []
    for number, line in enumerate(lines, start=1):
        try:
            records.append(json.loads(line))
        except json.JSONDecodeError as error:
            if number < len(lines):
                raise ValueError(f"{path}, line {number} is no record: {error}") from error
    return records


def to_results(records):
    """All records as a DataFrame; of several of one fit the first. Those that name no fold are of fold 0."""
    results = pd.DataFrame(records)
    results = results.reindex(columns=[*dict.fromkeys([*KEY, "n_test", "t_fit", "t_predict", "error", *results])])
    results["fold"] = results["fold"].fillna(0).astype(int)
    return results.drop_duplicates(KEY, ignore_index=True)


def scores_by_set(results, metric):
    """Scores averaged over folds, a row for each set of which all models finished all folds, a column for each model.

    Models that have no such score at all are left out. Calibration errors are only of sets with 200 test rows.
    """
    if metric not in results:
        return pd.DataFrame()
    if metric == "ece":
        results = results[results.n_test >= _ENOUGH_TO_CALIBRATE]
    scores = results.pivot(index=["set", "fold"], columns="model", values=metric).astype(float)
    scores = scores.dropna(how="all").dropna(axis="columns", how="all")
    by_set = scores.groupby("set").mean().where(scores.notna().groupby("set").all())
    return by_set.dropna().round(6)


def ranks(scores, metric):
    """Rank of each model on each set: 1 is the best, equal scores share their ranks."""
    return scores.rank(axis=1, ascending=not METRICS[metric])


def win_rates(scores, metric):
    """Share of sets on which the model of the row beats that of the column; equal scores count half."""
    place = ranks(scores, metric)
    rates = {a: {b: ((place[a] < place[b]) + (place[a] == place[b]) / 2).mean() for b in place} for a in place}
    return pd.DataFrame(rates).T


def normalised(scores, metric):
    """Scores moved and scaled so that on each set the best model has 1 and the worst 0; where all are equal, 1."""
    loss = scores * (-1 if METRICS[metric] else 1)
    worst, spread = loss.max(axis=1), loss.max(axis=1) - loss.min(axis=1)
    return (-loss).add(worst, axis=0).div(spread.where(spread > 0), axis=0).fillna(1.0)


def friedman_p(scores):
    """p-value of Friedman's test that all models are equally good; NaN for fewer than three models or sets."""
    if min(scores.shape) < 3 or (scores.nunique(axis=1) == 1).all():
        return np.nan
    return float(friedmanchisquare(*scores.to_numpy().T).pvalue)


def pairwise_p(scores):
    """p-values of Wilcoxon's signed-rank tests of all pairs of models, with Holm's correction; zeros are split."""
    long = scores.melt(var_name="model", value_name="score")
    return posthoc_wilcoxon(long, "score", "model", zero_method="zsplit", p_adjust="holm")


def compare(scores, metric, focus):
    """The table of one metric, the best mean rank first.

    Wins are those of the focus model over the one of the row, p is that of their difference.
    """
    table = pd.DataFrame({"rank": ranks(scores, metric).mean()})
    if focus in scores and scores.shape[1] > 1:
        others = scores.columns.drop(focus)
        table["wins %"] = 100 * win_rates(scores, metric).loc[focus, others]
        table["p"] = pairwise_p(scores).loc[focus, others]
    table["normalised"] = normalised(scores, metric).mean()
    table["mean"], table["median"] = scores.mean(), scores.median()
    return table.sort_values("rank")


def times(results):
    """Fits, errors and seconds of each model: medians, and the sum of all fits."""
    groups = results.groupby("model")
    table = pd.DataFrame({"fits": groups.size(), "errors": groups["error"].count()})
    table["fit s"], table["all fits s"] = groups["t_fit"].median(), groups["t_fit"].sum()
    table["predict s"] = groups["t_predict"].median()
    return table.sort_values("fit s")


def coverage(results):
    """Share of test targets in intervals or class sets made for 90 %, and their mean width or size."""
    if "coverage" not in results:
        return pd.DataFrame()
    results = results.dropna(subset="coverage")
    names = results["task"].map({"clf": "sets of classes", "reg": "intervals"})
    groups = results.groupby(results["model"] + ", " + names)
    table = groups[["coverage", "size"]].mean()
    table.insert(0, "sets", groups["set"].nunique())
    return table.rename_axis("model")


def to_text(table, markdown=False):
    """A table as text, rounded by column; NaN is left blank."""
    cells = table.apply(lambda column: column.map(lambda value: _cell(value, column.name)))
    rows = [["model", *table.columns], *cells.reset_index().to_numpy().tolist()]
    if markdown:
        rows.insert(1, ["---", *["---:"] * table.shape[1]])
        return "\n".join(f"| {' | '.join(row)} |" for row in rows)
    width = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join([row[0].ljust(width[0]), *(cell.rjust(w) for cell, w in zip(row[1:], width[1:], strict=True))])
        for row in rows
    )


def _cell(value, column):
    if np.isnan(value):
        return ""
    return "< 0.0001" if column == "p" and value < 1e-4 else f"{value:,.{_DIGITS.get(column, 0)}f}"


def print_report(results, metrics=tuple(METRICS), focus="rfmcv", markdown=False):
    """All tables."""
    for metric in metrics:
        scores = scores_by_set(results, metric)
        if scores.empty:
            continue
        table = compare(scores, metric, focus)
        wins = f"; wins and p: of {focus} against the others" if "p" in table else ""
        print(f"\n{title(scores, metric)}{wins}\n\n{to_text(table, markdown)}")
    covered = coverage(results)
    if len(covered):
        print("\nCoverage of sets and intervals made for 90 %; size: classes, or width in standard deviations of y\n")
        print(to_text(covered, markdown))
    print("\nTime: medians over the fits of each model, and the sum\n")
    print(to_text(times(results), markdown))


def title(scores, metric):
    """Metric, number of sets, and whether models differ."""
    p = friedman_p(scores)
    difference = "" if np.isnan(p) else f"; Friedman p {'< 0.0001' if p < 1e-4 else f'= {p:.4f}'}"
    return f"{metric}, {len(scores)} {'set' if len(scores) == 1 else 'sets'}{difference}"
