"""Members of an ensemble over many rows: their machines are weighed by rows that these have left out."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np

from ..large._loss_recursion import LargeLossRecursion
from ..large._recursion import LargeRecursion
from ..runtime._large_budget import MOST_LARGE_SETTINGS
from ..tables._frames import take_rows
from ._candidates import Scored
from ._members import Member, MemberGroup


def fit_large_members(race, selection, rows, selector):
    """Fit what a search on few rows has chosen to all rows, and weigh it anew.

    Every setting is fitted once, with the round and the ridge of its candidate of largest weight. All leave the same
    rows out, on which they are calibrated and weighed.

    Parameters
    ----------
    race : Race
    selection : Selection
        Of the search.
    rows : ndarray of int
        Rows of positive weight.
    selector : Selector

    Returns
    -------
    groups : list of MemberGroup
        Those of positive weight.
    extra : list of ExtraMember
        The same of other families, which are not fitted to rows that were left out.
    selection : Selection
        With predictions of the rows that were left out of the machines in the place of those of folds.
    """
    own = _strongest([pair for pair in selection.chosen if not pair[0].candidate.is_extra])
    others = [scored for scored, _ in selection.chosen if scored.candidate.is_extra]
    fitted: list[tuple] = []
    extra: list[tuple] = []

    def attempt(results, fit, scored, *arguments):
        try:
            results.append(fit(race, scored, *arguments))
        except Exception as error:
            race.note_failure(scored.candidate.index, error, len(rows))
        race.on_progress(len(fitted) + len(extra), len(own) + len(others), "settings fitted on all rows")

    for place, (scored, _) in enumerate(own):
        attempt(fitted, _fit, scored, rows, 1 / (len(own) - place))
    if not fitted:
        return [], [], selection
    standing, places = race.own.copies.among(rows)
    left_out, is_seen = standing[fitted[0][2]], ~np.isin(places, fitted[0][2])  # nor are copies of what is left out
    for scored in others:
        attempt(extra, _fit_extra, scored, rows[is_seen], left_out)
    entries = [entry for _, entry, _ in fitted] + [entry for _, entry in extra]
    weights, selection = selector.reweigh(selection, entries, left_out)
    groups = [
        replace(group, machines=(replace(group.machines[0], weight=float(weight)),))
        for weight, (group, _, _) in zip(weights, fitted, strict=False)
        if weight > 0
    ]
    extra_weights = weights[len(fitted) :]
    members = [replace(member, weight=float(w)) for w, (member, _) in zip(extra_weights, extra, strict=True) if w > 0]
    return groups, members, selection


def _strongest(chosen):
    """Of each setting the candidate of largest weight; the settings of largest weight."""
    best: dict[int, tuple] = {}
    shares: dict[int, float] = {}
    for scored, weight in chosen:
        index = scored.candidate.index
        shares[index] = shares.get(index, 0.0) + weight
        if index not in best or weight > best[index][1]:
            best[index] = scored, weight
    order = sorted(best, key=lambda index: -shares[index])[:MOST_LARGE_SETTINGS]
    return [best[index] for index in order]


def _fit(race, scored, rows, share):
    """The group of one machine, its predictions of the rows that it left out, and their places among those fitted.

    Where time is limited it takes at most a share of what is left.
    """
    start, candidate = time.perf_counter(), scored.candidate
    fold, recursion = race.start(candidate.index, rows, candidate.n_iter)
    assert isinstance(recursion, LargeRecursion | LargeLossRecursion)
    if race.timetable is not None:
        limit = share * race.timetable.left
        recursion = recursion.within_time(lambda: limit - (time.perf_counter() - start))
    trouble = []
    for current in recursion.rounds(candidate.n_iter):
        trouble += current.trouble
    final = recursion.finish(current, is_latest=True)
    places, scores, link = race.own.calibrate_left_out(rows, fold, recursion, final)
    member = Member(
        machine=final.machine,
        n_iter=final.n_iter,
        alpha=final.alpha,
        link=link,
        weight=1.0,
        deviation=recursion.deviation(final) if race.own.outcomes.shared is None else None,
    )
    group = MemberGroup(
        params=race.params(candidate.index),
        encoder=fold.encoder,
        target=fold.target,
        machines=(member,),
        agop=recursion.agop(final),
        trouble=tuple(dict.fromkeys([*trouble, *final.trouble])),
    )
    entry = Scored(candidate, link(scores), link, time.perf_counter() - start)
    return group, entry, places


def _fit_extra(race, scored, rows, left_out):
    """A member of another family, and its predictions of the rows that it has not seen."""
    start, place = time.perf_counter(), race.of(scored.candidate.index)[1]
    member = race.extra.member(place, rows, scored, 1.0, None)
    scores = member.scores(take_rows(race.own.X, left_out))
    link = race.extra.calibrate(scores, left_out, race.own.weights.total[left_out])
    entry = Scored(scored.candidate, link(scores), link, time.perf_counter() - start)
    return replace(member, link=link, deviation=race.extra.deviation(entry.predictions, left_out)), entry
