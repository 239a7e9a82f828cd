"""What a search found, as the table that scikit-learn's searches give and in words."""

from __future__ import annotations

import numpy as np
from scipy.stats import rankdata


def candidate_params(race, candidate):
    """Parameters with which the single model is the machine that a candidate describes."""
    return race.params(candidate.index) | ({} if candidate.is_extra else {"max_iter": candidate.n_iter})


def cv_results(rungs, race, score):
    """Scores of all candidates of all rungs, as `sklearn.model_selection.GridSearchCV` keeps them.

    Parameters
    ----------
    rungs : list of Rung
    race : Race
    score : callable
        ``(predictions, rows, weights)`` to a number.

    Returns
    -------
    dict of ndarray
        ``params``, ``param_*``, ``iter`` and ``n_resources`` (the rung and its training rows), ``mean_fit_time``,
        ``split*_test_score``, ``mean_test_score``, ``std_test_score`` and ``rank_test_score``: first those of the last
        rung, by score. Candidates that failed come last, without scores.
    """
    params, rung_numbers, resources, times, by_split = [], [], [], [], []
    n_splits = max(len(rung.folds) for rung in rungs)
    for number, rung in enumerate(rungs):
        parts = [(test, race.own.weights.total[test]) for _, test in rung.folds.pairs]
        edges = np.cumsum([len(test) for test, _ in parts])[:-1]
        for entry in rung.entries:
            pieces = np.split(entry.predictions, edges)
            scores = [score(P, test, weights) for P, (test, weights) in zip(pieces, parts, strict=True)]
            by_split.append(scores + [np.nan] * (n_splits - len(scores)))
            params.append(candidate_params(race, entry.candidate))
            rung_numbers.append(number)
            resources.append(max(len(train) for train, _ in rung.folds.pairs))
            times.append(entry.seconds)
    for _, failure in sorted(race.failures.items()):
        by_split.append([np.nan] * n_splits)
        params.append(failure.params)
        rung_numbers.append(0)
        resources.append(failure.n_rows)
        times.append(np.nan)
    splits = np.array(by_split)
    known = np.ma.masked_invalid(splits)  # a score may be undefined in a small fold
    mean = known.mean(axis=1).filled(np.nan)
    results = {"mean_fit_time": np.array(times), "iter": np.array(rung_numbers), "n_resources": np.array(resources)}
    for name in sorted({name for setting in params for name in setting}):
        values = np.ma.masked_all(len(params), dtype=object)
        for k, setting in enumerate(params):
            if name in setting:
                values[k] = setting[name]
        results[f"param_{name}"] = values
    results |= {f"split{k}_test_score": splits[:, k] for k in range(n_splits)}
    # Times a power of two, which is exact and keeps squares from overflow.
    exponents = np.frexp(np.abs(known).max(axis=1).filled(0.0))[1]
    in_units = np.ma.masked_invalid(np.ldexp(splits, -exponents[:, None]))
    deviations = np.ldexp(in_units.std(axis=1).filled(np.nan), exponents)
    results |= {"mean_test_score": mean, "std_test_score": deviations}
    # A later rung saw more rows: its candidates come before those that were dropped.
    ranks, offset = np.empty(len(mean), dtype=np.int32), 0
    for number in reversed(range(len(rungs))):
        inside = results["iter"] == number
        ranks[inside] = offset + rankdata(-np.nan_to_num(mean[inside], nan=-np.inf), method="min")
        offset += int(inside.sum())
    return results | {"rank_test_score": ranks, "params": params}


def what_went_wrong(race, rungs, groups, time_limit):
    """What solutions have warned of, and what there was no time for.

    Parameters
    ----------
    race : Race
    rungs : list of Rung
    groups : list of MemberGroup
    time_limit : float or None

    Returns
    -------
    list of str
    """
    messages = [message for group in groups for message in group.trouble]
    if race.trouble:
        messages.append(f"{race.trouble[0]} (So in {len(race.trouble)} solutions while settings were compared.)")
    if race.missed or (race.timetable is not None and race.timetable.is_cut):
        compared = {entry.candidate.index for rung in rungs for entry in rung.entries}
        n_asked = race.n_compared + len(race.extra_indices)
        n_rows = max(len(train) for train, _ in rungs[-1].folds.pairs)
        n_machines = sum(len(group.machines) for group in groups)
        messages.append(
            f"time_limit={time_limit} was reached: {len(compared)} of {n_asked} settings were compared, on {n_rows} "
            f"rows, and {n_machines} machines kept. Increase time_limit for more."
        )
    return messages


def summary(n_compared, n_splits, score_name, best_score, ensemble_score, members):
    """What was compared, and the members with their weights, in plain words."""
    lines = [
        f"{n_compared} machines compared in {n_splits} folds by {score_name}.",
        f"Best single machine {best_score:.4f}, average of the {len(members)} members {ensemble_score:.4f} "
        "(out-of-fold, greater is better).",
        "weight  rounds  ridge     settings that differ from the defaults",
    ]
    for weight, n_iter, alpha, params in sorted(members, key=lambda member: -member[0]):
        changed = ", ".join(f"{name}={value!r}" for name, value in params.items()) or "(none)"
        ridge = "" if alpha is None else " ".join(f"{part:.2g}" for part in np.atleast_1d(alpha))
        fit = f"{'':16s}" if n_iter is None else f"{n_iter:6d}  {ridge:<8s}"
        lines.append(f"{weight:6.2f}  {fit}  {changed}")
    return "\n".join(lines)
