"""The neural feature ansatz tested on a network: weights against gradients, layer by layer."""

from __future__ import annotations

import warnings
from collections.abc import Collection
from numbers import Real

import numpy as np
from sklearn.utils import check_random_state, check_scalar

from ._ansatz import AGAINST, TANGENT_KERNEL, NeuralFeatureAnsatz
from ._comparison import Comparison
from ._module_gradients import check_module, check_sizes, unaligned, unreached


def neural_feature_ansatz(
    module,
    X,
    *,
    initial=None,
    against="agop",
    center=False,
    power=None,
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

    The chain rule says that ``G = W^T K W``, with the average outer product K of the gradients with respect to ``W h``,
    the feature covariance of the pre-activation tangent kernel. So the ansatz is about how W lies to K, of which
    training is the cause; the centred ansatz, with the change ``W - W0`` in place of W on both sides, takes away what W
    was drawn as.

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
    against : {"agop", "initial", "pre-activation tangent kernel"}, default="agop"
        The other side: the AGOP; ``W0^T W0`` of the initial weights W0; or ``W^T K W``, which is the AGOP too as long
        as `center` is False. The tangent kernel is known at linear layers and convolutions.
    center : bool, default=False
        Whether the change ``W - W0`` takes the place of W, on both sides; needs `initial`. (The centred *gradients* of
        `module_agop` are another thing, and come in any case, as ``correlation_centered``.)
    power : float or None, default=None
        s > 0, to which the other side is raised. None stands for 1/2 against the AGOP, and for 1 else.
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
        If no layer is supported or reached, `layers` is empty or has an unknown name, `initial` is missing where it is
        needed or has other layers, or gradients are not finite.

    Warns
    -----
    UserWarning
        For layers that samples do not pass through, or whose tangent kernel is asked for and not known; they are left
        out. For layers that see different positions of different samples; their centred correlation is NaN.

    Notes
    -----
    A forward pass, and a backward pass for every output or combination, whatever the number of layers; twice that with
    `initial`. The mean gradient is kept for every output, position and layer at once. If samples are flattened with
    another axis or concatenated before a layer, as by ``x.flatten(0, 1)``, they are run one by one, which is slower.

    References
    ----------
    Radhakrishnan, Beaglehole, Pandit and Belkin, arXiv 2212.13881, equation 2 for the ansatz. Beaglehole, Mitliagkas
    and Agarwala, arXiv 2402.05271, for the centred forms and the tangent kernel.

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
    comparison = _checked_comparison(against, center, power, initial)
    check_sizes(n_samples=n_samples, batch_size=batch_size, n_projections=n_projections)
    names = checked_names(layers)
    from ._gradients import Survey, as_samples, draw_projections, second_moments
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
    compared = survey.reached
    if against == TANGENT_KERNEL:
        compared = [matrix for matrix in compared if matrix.has_tangent_kernel]
        _tell_of_unknown_kernels([matrix.name for matrix in survey.reached if not matrix.has_tangent_kernel], compared)
    options = {"projections": draw_projections(survey.n_outputs, n_projections, rng), "batch_size": batch_size}
    before = {}
    if initial is not None:
        matrices = same_matrices(initial, survey.reached)
        X_initial = as_samples(initial, X)
        survey_initial = Survey.of(initial, X_initial, list(matrices.values()))
        found = second_moments(initial, X_initial, survey_initial, centered=False, **options)
        before = {name: (matrix, matrix.array(), found[name][0]) for name, matrix in matrices.items()}
    seconds = second_moments(module, X, survey, centered=True, **options)
    for name, (_, centered) in seconds.items():
        if np.isnan(centered).any():
            warnings.warn(unaligned(name), UserWarning, stacklevel=2)
    found = [comparison.at(m, m.array(), seconds[m.name], before.get(m.name)) for m in compared]
    return NeuralFeatureAnsatz(found, comparison.power, len(X), against, comparison.center)


def _checked_comparison(against, center, power, initial):
    """What is compared, or an error that says what is missing."""
    if against not in AGAINST:
        raise ValueError(f"against must be one of {', '.join(map(repr, AGAINST))}, got {against!r}.")
    check_scalar(center, "center", (bool, np.bool_))
    if initial is None and (center or against == "initial"):
        asked = "center=True" if center else "against='initial'"
        raise ValueError(f"{asked} compares with the weights of before training: give them, as initial.")
    if power is None:
        power = 0.5 if against == "agop" else 1.0
    check_scalar(power, "power", Real, min_val=0, include_boundaries="neither")
    return Comparison(against, bool(center), float(power))


def _tell_of_unknown_kernels(names, compared):
    """Warn of layers whose gradients are taken at their inputs; an error if there are no others."""
    if not compared:
        raise ValueError(f"the tangent kernel is known at linear layers and convolutions, not at any of {names}.")
    for name in names:
        warnings.warn(f"the tangent kernel of layer {name!r} is not known: it is left out.", UserWarning, stacklevel=3)


def checked_names(layers):
    """Names of layers as a collection, None for all."""
    if isinstance(layers, str):
        return [layers]
    if layers is not None and not isinstance(layers, Collection):
        raise TypeError(f"layers must be a name, a list of names or None, got a {type(layers).__name__}.")
    if layers is not None and len(layers) == 0:
        raise ValueError("layers is empty: give at least one name, or None for all layers.")
    return layers


def same_matrices(initial, matrices):
    """Weight matrices of another module, by name, that have the names and shapes of these."""
    from ._weights import weight_matrices

    others = {matrix.name: matrix for matrix in weight_matrices(initial)}
    for matrix in matrices:
        shape, other = matrix.array().shape, others.get(matrix.name)
        if other is None or other.array().shape != shape:
            found = "none of that name" if other is None else f"one of shape {other.array().shape}"
            raise ValueError(f"initial must have a layer {matrix.name!r} of shape {shape} as module has, got {found}.")
    return {matrix.name: others[matrix.name] for matrix in matrices}
