"""Target linearity of layers: how much of the targets is linear in what each of them gets."""

from __future__ import annotations

from ..targets._linearity import target_linearity


def linearity_of_layers(layers, Z, y, *, task, **options):
    """Target linearity of the points that layers get, given those of the first.

    Parameters
    ----------
    layers : list of Layer
    Z : ndarray of shape (n, d)
    y : array-like
    task : {"regression", "classification"}
    options
        Of `target_linearity`.

    Returns
    -------
    list of float
        One for each layer.
    """
    found = []
    for layer in layers:
        H = layer.enter(Z)
        found.append(target_linearity(H, y, task=task, **options))
        Z = layer.map(H)
    return found
