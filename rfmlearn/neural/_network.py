"""The neural feature ansatz tested on a network: weights against gradients, layer by layer."""

from __future__ import annotations

import warnings
from collections.abc import Collection
from numbers import Real

import numpy as np
from sklearn.utils import check_random_state, check_scalar

from ..recursion._spectral import symmetric_power
from ._ansatz import LayerAnsatz, NeuralFeatureAnsatz
from ._module_gradients import check_module, check_sizes, unaligned, unreached

# Of what is computed from weights and gradients in float32, relative to its size.
_ROUNDING = 1e-6


def neural_feature_ansatz(
    module,
    X,
    *,
    initial=None,
    power=0.5,
    layers=None,
    n_samples=None,
    batch_size=128,
    n_projections=None,
    random_state=None,
):
    """How far the weights of a trained network follow the neural feature ansatz.

    The ansatz says that the weight matrix W of a layer obeys ``W^T W`` proportional to ``G^s``, where G is the average
    gradient outer product (AGOP) of the network with respect to the input of this layer, see `module_agop`, and s is
    about 1/2. Each layer is judged by Pearson's correlation of the entries of both sides.

    Linear layers, convolutions, attention and recurrent layers count. A linear layer that gives the outputs fulfils
    ``W^T W = G`` by construction, before training as well as after, and its centred AGOP is zero.

    Parameters
    ----------
    module : torch.nn.Module
        A trained network; what `module_agop` says of it holds here. Layers with weights are ``Linear``, ``Conv1d``,
        ``Conv2d``, ``Conv3d``, ``MultiheadAttention`` (query, key and value, each with the others held fixed, and the
        projection out), the input weights of the first layer of ``RNN``, ``LSTM`` and ``GRU``, all gates and both
        directions on top of each other, and the input and hidden weights of their cells.
    X : tensor or array-like of shape (n, ...)
        Samples, for instance those of training. Integers are allowed.
    initial : torch.nn.Module or None, default=None
        The same network before training, as ``copy.deepcopy(module)`` keeps it. Its dtype and device may be others.
    power : float, default=0.5
        s > 0.
    layers : str, list of str or None, default=None
        Name or names of those to look at; None means all.
    n_samples : int or None, default=None
        Samples drawn at random without replacement, all if there are fewer; None means all.
    batch_size : int, default=128
        Samples in one pass.
    n_projections : int or None, default=None
        If there are more outputs than this, they are replaced by so many random combinations, as in `module_agop`;
        None stands for 64.
    random_state : int, RandomState instance or None, default=None
        For the samples and the combinations.

    Returns
    -------
    NeuralFeatureAnsatz

    Raises
    ------
    ImportError
        If torch is missing.
    TypeError
        If `module` or `initial` is no torch module or does not return a tensor, or `layers` are no names.
    ValueError
        If no layer is supported or reached, `layers` is empty or has an unknown name, `initial` has other layers, or
        gradients are not finite.

    Warns
    -----
    UserWarning
        For layers that samples do not pass through; they are left out. For layers that see different positions of
        different samples; their centred correlation is NaN.

    Notes
    -----
    A forward pass, and a backward pass for every output or combination, whatever the number of layers; twice that with
    `initial`. The mean gradient is kept for every output, position and layer at once. If samples are flattened with
    another axis or concatenated before a layer, as by ``x.flatten(0, 1)``, they are run one by one, which is slower.

    References
    ----------
    Radhakrishnan, Beaglehole, Pandit and Belkin, arXiv 2212.13881, equation 2 for the ansatz. Beaglehole, Mitliagkas
    and Agarwala, arXiv 2402.05271, for the centred form and the change of weights.

    Examples
    --------
    >>> import torch
    >>> from rfmlearn.neural import neural_feature_ansatz
    >>> with torch.random.fork_rng():
    ...     _ = torch.manual_seed(0)
    ...     module = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Tanh(), torch.nn.Linear(8, 2))
    ...     X = torch.randn(20, 4)
    >>> ansatz = neural_feature_ansatz(module, X)
    >>> [layer.name for layer in ansatz.layers]
    ['0', '2']
    >>> bool(ansatz.layers[0].correlation <= 1)
    True
    """
    check_module(module, "neural_feature_ansatz")
    if initial is not None:
        check_module(initial, "neural_feature_ansatz", "initial")
    check_scalar(power, "power", Real, min_val=0, include_boundaries="neither")
    check_sizes(n_samples=n_samples, batch_size=batch_size, n_projections=n_projections)
    names = _checked_names(layers)
    from ._gradients import Survey, as_samples, draw_projections, layer_agops
    from ._weights import named_matrices

    rng = check_random_state(random_state)
    X = as_samples(module, X)
    if n_samples is not None and n_samples < len(X):
        X = X[np.sort(rng.choice(len(X), n_samples, replace=False))]
    survey = Survey.of(module, X, named_matrices(module, names))
    if not survey.reached:
        raise ValueError(f"each sample on its own passes through none of the layers {survey.unreached}.")
    for name in survey.unreached:
        warnings.warn(f"{unreached(name)}: it is left out.", UserWarning, stacklevel=2)
    options = {"projections": draw_projections(survey.n_outputs, n_projections, rng), "batch_size": batch_size}
    initial_weights = {}
    if initial is not None:
        matrices = _same_matrices(initial, survey.reached)
        X_initial = as_samples(initial, X)
        survey_initial = Survey.of(initial, X_initial, list(matrices.values()))
        agops = layer_agops(initial, X_initial, survey_initial, centered=False, **options)
        initial_weights = {name: (matrix.array(), agops[name][0]) for name, matrix in matrices.items()}
    agops = layer_agops(module, X, survey, centered=True, **options)
    for name, (_, centered) in agops.items():
        if np.isnan(centered).any():
            warnings.warn(unaligned(name), UserWarning, stacklevel=2)
    found = [_compare(m, agops[m.name], power, initial_weights.get(m.name)) for m in survey.reached]
    return NeuralFeatureAnsatz(found, float(power), len(X))


def _checked_names(layers):
    """Names of layers as a collection, None for all."""
    if isinstance(layers, str):
        return [layers]
    if layers is not None and not isinstance(layers, Collection):
        raise TypeError(f"layers must be a name, a list of names or None, got a {type(layers).__name__}.")
    if layers is not None and len(layers) == 0:
        raise ValueError("layers is empty: give at least one name, or None for all layers.")
    return layers


def _same_matrices(initial, matrices):
    """Weight matrices of another module, by name, that have the names and shapes of these."""
    from ._weights import weight_matrices

    others = {matrix.name: matrix for matrix in weight_matrices(initial)}
    for matrix in matrices:
        shape, other = matrix.array().shape, others.get(matrix.name)
        if other is None or other.array().shape != shape:
            found = "none of that name" if other is None else f"one of shape {other.array().shape}"
            raise ValueError(f"initial must have a layer {matrix.name!r} of shape {shape} as module has, got {found}.")
    return {matrix.name: others[matrix.name] for matrix in matrices}


def _compare(matrix, agops, power, initial=None):
    """The ansatz at a weight matrix with (AGOP, centred AGOP), beside (matrix, AGOP) before training if given."""
    W, (agop, agop_centered) = matrix.array(), agops
    nfm, root = W.T @ W, symmetric_power(agop, power)
    # Means that do not exist leave NaN, which has no eigenvalues.
    root_centered = agop_centered if np.isnan(agop_centered).any() else symmetric_power(agop_centered, power)
    correlations = {"correlation": _pearson(nfm, root), "correlation_centered": _pearson(nfm, root_centered)}
    if initial is not None:
        W_initial, agop_initial = initial
        nfm_initial, change = W_initial.T @ W_initial, W - W_initial
        correlations |= {
            "correlation_initial": _pearson(nfm_initial, symmetric_power(agop_initial, power)),
            "correlation_change": _pearson(change.T @ change, root),
            "nfm_kept": _pearson(nfm, nfm_initial),
        }
    return LayerAnsatz(matrix.name, matrix.kind, W.shape, nfm, agop, **correlations)


def _pearson(A, B):
    """Correlation of the entries of two matrices, NaN if those of one are all the same but for rounding."""
    a, b = A - A.mean(), B - B.mean()
    norms = np.linalg.norm(a), np.linalg.norm(b)
    if norms[0] <= _ROUNDING * np.linalg.norm(A) or norms[1] <= _ROUNDING * np.linalg.norm(B):
        return float("nan")
    return float(np.sum(a * b) / (norms[0] * norms[1]))
