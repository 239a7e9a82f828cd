"""What the records of `papers_uci.py` say: means, ranks, learned against plain by size, and what the leak is worth."""

from __future__ import annotations

import numpy as np
import pandas as pd
from papers_uci import AUTHORS, MODELS, N_FOLDS
from report import friedman_p, ranks

# Mean accuracy in percent. The first three by notes about arXiv 2507.05644, the forest by notes about the study.
PUBLISHED = {
    "Laplace kernel, authors' protocol, 120 sets": 83.71,
    "NFA-RFM, authors' protocol, 120 sets": 85.10,
    "FACT-RFM, authors' protocol, 120 sets": 85.22,
    "best random forest of the study, 121 sets": 82.0,
}
FEW_ROWS, _N_LISTED = 1000, 12


def by_set(results):
    """Mean accuracy over folds in percent, a row for each set, a column for each model; NaN unless all folds ran."""
    folds = results.dropna(subset="accuracy")
    groups = folds.groupby(["set", "model"])["accuracy"]
    scores = (100 * groups.mean()).where(groups.size() == N_FOLDS).unstack().round(6)  # so that equals are equal
    return scores[[model for model in MODELS if model in scores]]


def summary(scores):
    """Mean accuracy, mean rank, and how near models come to the best of them on each set.

    P90 and P95 are shares of sets with at least 90 and 95 percent of the best accuracy, PMA is the mean share of it.
    """
    share = 100 * scores.div(scores.max(axis=1), axis=0)
    columns = {"mean": scores.mean(), "rank": ranks(scores, "accuracy").mean(), "P90": 100 * (share >= 90).mean(),
               "P95": 100 * (share >= 95).mean(), "PMA": share.mean()}  # fmt: skip
    return pd.DataFrame(columns).sort_values("mean", ascending=False)


def by_size(scores, rows, one, other):
    """Differences of two models in points over sets of few and of many rows: mean, range, and how often each wins."""
    both = scores[[one, other]].dropna()
    difference = both[one] - both[other]
    few = rows[both.index] < FEW_ROWS
    lines = {}
    for name, part in ((f"n < {FEW_ROWS:,}", few), (f"n >= {FEW_ROWS:,}", ~few), ("all", few | True)):
        d = difference[part]
        wins = {f"{one} wins": (d > 0).sum(), "equal": (d == 0).sum(), f"{other} wins": (d < 0).sum()}
        spread = {"mean": d.mean(), "standard error": d.sem(), "worst": d.min(), "best": d.max()}
        lines[name] = {"sets": len(d)} | spread | wins
    return pd.DataFrame(lines).T


def print_report(records, listed):
    """All tables; `listed` are names of sets in the folder, of which what is missing is told."""
    results = pd.DataFrame(records).reindex(columns=["set", "model", "fold", "n", "accuracy", "seconds", "error"])
    results = results.drop_duplicates(["set", "model", "fold"], ignore_index=True)  # of files that were joined
    scores, rows = by_set(results), results.groupby("set")["n"].first()
    seen = 0
    for left_out in ((), ("rfmcv",), AUTHORS):
        common = scores.drop(columns=[model for model in left_out if model in scores]).dropna()
        if len(common) > seen:
            print(f"\nMean accuracy over {len(common)} sets and their four folds, percent; Friedman p "
                  f"{friedman_p(common):.2g}\n\n{_text(summary(common))}")  # fmt: skip
            seen = len(common)
    print("\nPublished, second-hand, over more sets than are here:")
    for name, value in PUBLISHED.items():
        print(f"  {name}: {value}")
    titles = {
        ("rfm", "plain"): "Learned features against the same machine without, points",
        ("authors-afresh", "authors-plain"): "The same by the authors' algorithm, without leaks",
        ("authors", "authors-afresh"): "The leak of the authors' protocol, points",
        ("authors", "authors-relearned"): "What of it comes in by the matrix that is kept, points",
        ("rfm", "authors-afresh"): "Ours against the authors' algorithm without its leak, points",
        ("rfmcv", "rfm"): "Settings chosen in folds against the default, points",
        ("rfm", "forest"): "Against a random forest of 500 trees, points",
    }
    for pair, title in titles.items():
        if set(pair) <= set(scores) and len(scores[[*pair]].dropna()):
            print(f"\n{title}\n\n{_text(by_size(scores, rows, *pair))}")
    if {"rfm", "plain"} <= set(scores):
        loss = scores.sub(scores["rfm"], axis=0).assign(n=rows)
        worst = loss.loc[loss["plain"].nlargest(_N_LISTED).index]
        print(f"\nWhere learning costs most: points above rfm\n\n{_text(worst[['n', *scores.columns.drop('rfm')]])}")
    _print_gaps(results, scores, listed)


def _print_gaps(results, scores, listed):
    models = {}
    for model in scores:
        missing = ", ".join(sorted(set(listed) - set(scores[model].dropna().index)))
        models.setdefault(missing, []).append(model)
    for missing, without in models.items():
        if missing:
            print(f"\nNot (or not in all folds) scored by {', '.join(without)}: {missing}")
    for record in results.dropna(subset="error").itertuples():
        print(f"\n{record.set}, fold {record.fold}, {record.model}: {record.error}")
    hours = results.groupby("model")["seconds"].sum() / 3600
    print("\nHours in all: " + ", ".join(f"{model} {hours[model]:.2f}" for model in scores))


def _text(table):
    return table.to_string(float_format=lambda value: "" if np.isnan(value) else f"{value:.2f}")
