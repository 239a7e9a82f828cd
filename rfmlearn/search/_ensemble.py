"""Ensemble selection: which predictions to average, and with what weights."""

from __future__ import annotations

import numpy as np

from ..runtime._budget import N_TAKEN, SMALLEST_MEMBER


def select_ensemble(predictions, losses, max_members, n_steps=N_TAKEN):
    """Weights of the average of predictions that greedy selection with repetition finds (Caruana et al., 2004).

    Starts from the best single prediction and adds, again and again, the one with which the average of all that were
    taken has the smallest loss. A prediction may be taken many times, and the shares are the weights. The best average
    that was met on the way is returned.

    Parameters
    ----------
    predictions : ndarray of shape (n_candidates, ...)
    losses : callable
        Losses of arrays like the predictions, from a stack of them; to be minimised.
    max_members : int
        At most so many candidates with a positive weight.
    n_steps : int, default=25
        Predictions taken in all.

    Returns
    -------
    ndarray of shape (n_candidates,)
        Non-negative, with sum one.

    References
    ----------
    Caruana, Niculescu-Mizil, Crew, Ksikes, Ensemble selection from libraries of models, ICML 2004.
    """
    alone = losses(predictions)
    best = int(np.argmin(alone))
    counts, smallest = np.zeros(len(predictions)), alone[best]
    counts[best] = 1
    total, chosen = predictions[best].astype(np.float64), counts.copy()
    for step in range(2, n_steps + 1):
        full = np.count_nonzero(counts) >= max_members
        candidates = np.flatnonzero(counts) if full else np.arange(len(predictions))
        averages = losses((total + predictions[candidates]) / step)
        first = int(np.argmin(averages))
        counts[candidates[first]] += 1
        total += predictions[candidates[first]]
        if averages[first] < smallest:
            smallest, chosen = averages[first], counts.copy()
    return chosen / chosen.sum()


def shrink_to(weights, reference, n_samples, n_doubt, smallest=SMALLEST_MEMBER):
    """Weights mixed with one reference candidate's, as if that had been the best on `n_doubt` more rows.

    What selection finds on few rows is half chance. ``w = n / (n + m) w + m / (n + m) e_reference``; then weights below
    `smallest` are dropped, since every member costs time in prediction.
    """
    mixed = weights * (n_samples / (n_samples + n_doubt))
    mixed[reference] += n_doubt / (n_samples + n_doubt)
    mixed[mixed < min(smallest, mixed.max())] = 0.0
    return mixed / mixed.sum()
