"""Neural collapse: how far classes have contracted to points, and how far these points form a simplex."""

from __future__ import annotations

import numpy as np


def collapse(H, labels, sample_weight):
    """Within-class variability and simplex deviation of points.

    With the mean m_k of each class k of K, and the mean m of these means, ``NC1 = tr S_W / tr S_B``, where S_W is the
    average over classes of the covariance around m_k, and S_B the covariance of the m_k around m. NC2 is the mean
    over pairs of ``(cos(m_k - m, m_l - m) - E_kl)^2``, where E is 1 on the diagonal and ``-1 / (K - 1)`` off it, the
    cosines of a simplex (arXiv 2402.13728, section 2). Both are 0 in full collapse.

    Parameters
    ----------
    H : ndarray of shape (n, d)
    labels : ndarray of int of shape (n,)
        From 0 to K - 1.
    sample_weight : ndarray of shape (n,)

    Returns
    -------
    nc1, nc2 : float
        NaN for a single class; nc1 is infinite where all classes have one mean.
    """
    classes = np.flatnonzero(np.bincount(labels, sample_weight) > 0)
    if len(classes) < 2:
        return np.nan, np.nan
    H = H.astype(np.float64, copy=False)
    means, within = [], []
    for k in classes:
        rows, weights = H[labels == k], sample_weight[labels == k]
        means.append(np.average(rows, axis=0, weights=weights))
        within.append(np.average(np.square(rows - means[-1]).sum(axis=1), weights=weights))
    centred = np.array(means) - np.mean(means, axis=0)
    between = np.mean(np.square(centred).sum(axis=1))
    simplex = np.full((len(classes), len(classes)), -1 / (len(classes) - 1))
    np.fill_diagonal(simplex, 1.0)
    from sklearn.metrics.pairwise import cosine_similarity  # takes long to import

    deviation = np.mean(np.square(cosine_similarity(centred) - simplex))
    return float(np.mean(within) / between) if between > 0 else np.inf, float(deviation)
