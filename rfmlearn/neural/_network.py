"""The neural feature ansatz tested on a network: weights against gradients, layer by layer."""

from __future__ import annotations

import warnings
from numbers import Real

import numpy as np
from sklearn.utils import check_random_state, check_scalar

from .._feature_matrix import symmetric_power
from ._ansatz import LayerAnsatz, NeuralFeatureAnsatz
from ._module_gradients import check_module, check_sizes, unreached


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
        The same network before training, as ``copy.deepcopy(module)`` keeps it.
    power : float, default=0.5
        s > 0.
    layers : list of str or None, default=None
        Names of those to look at; None means all.
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
        If `module` or `initial` is no torch module, or does not return a tensor.
    ValueError
        If no layer is supported or reached, a name is unknown, `initial` has other layers, or gradients are not finite.

    Warns
    -----
    UserWarning
        For layers that samples do not pass through; they are left out.

    Notes
    -----
    A forward pass, and a backward pass for every output or combination, whatever the number of layers; twice that with
    `initial`. The mean gradient is kept for every output, position and layer at once.

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
    from ._gradients import Survey, as_samples, draw_projections, layer_agops

    rng = check_random_state(random_state)
    X = as_samples(module, X)
    if n_samples is not None and n_samples < len(X):
        X = X[np.sort(rng.choice(len(X), n_samples, replace=False))]
    survey = Survey.of(module, X, layers)
    for name in survey.unreached:
        warnings.warn(f"{unreached(name)}: it is left out.", UserWarning, stacklevel=2)
    if not survey.reached:
        raise ValueError(f"module has no supported layer that samples pass through:\n{module}")
    options = {"projections": draw_projections(survey.n_outputs, n_projections, rng), "batch_size": batch_size}
    initial_weights = {}
    if initial is not None:
        matrices = _same_matrices(initial, survey.reached)
        agops = layer_agops(initial, X, Survey.of(initial, X, list(matrices)), **options)
        initial_weights = {name: (matrix.array(), agops[name][0]) for name, matrix in matrices.items()}
    agops = layer_agops(module, X, survey, **options)
    found = [_compare(m, agops[m.name], power, initial_weights.get(m.name)) for m in survey.reached]
    return NeuralFeatureAnsatz(found, float(power), len(X))


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
    correlations = {
        "correlation": _pearson(nfm, root),
        "correlation_centered": _pearson(nfm, symmetric_power(agop_centered, power)),
    }
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
    """Correlation of the entries of two matrices, NaN if those of one are all the same."""
    a, b = A.ravel() - A.mean(), B.ravel() - B.mean()
    norms = np.linalg.norm(a) * np.linalg.norm(b)
    return float(a @ b / norms) if norms > 0 else float("nan")
