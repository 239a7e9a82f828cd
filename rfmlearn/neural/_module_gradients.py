"""Average gradient outer product of a torch module."""

from __future__ import annotations

import warnings
from numbers import Integral

import numpy as np
from sklearn.utils import check_random_state, check_scalar

from .._sklearn_compat import check_weights


def import_torch(caller):
    """The package, or an ImportError that says how to get it."""
    try:
        import torch
    except ImportError as error:
        raise ImportError(f'{caller} needs torch: pip install "rfmlearn[torch]"') from error
    return torch


def check_module(module, caller, name="module"):
    """TypeError unless it is a torch module."""
    torch = import_torch(caller)
    if not isinstance(module, torch.nn.Module):
        raise TypeError(f"{name} must be a torch.nn.Module, got a {type(module).__name__}.")


def check_sizes(**sizes):
    """Whole numbers of at least one, or None where that is allowed; batch_size always counts."""
    for name, size in sizes.items():
        if size is not None or name == "batch_size":
            check_scalar(size, name, Integral, min_val=1)


def module_agop(
    module,
    X,
    *,
    layer=None,
    center=False,
    sample_weight=None,
    batch_size=128,
    n_projections=None,
    random_state=None,
):
    """Average gradient outer product (AGOP) of a torch module, with respect to its input or to that of a layer.

    ``G = sum_i w_i sum_l sum_p g_ilp g_ilp^T``, where ``g_ilp`` is the gradient of output l of sample i with respect to
    vector p that enters the layer, and the weights ``w_i`` sum to one. A linear layer that acts on tokens has as many
    vectors as tokens, a convolution as many as patches, a layer that is called several times those of all calls; they
    count as independent inputs. The input of the module itself is one vector, flattened.

    Parameters
    ----------
    module : torch.nn.Module
        Maps a batch of samples to one tensor with a sample along its first axis. It is run in evaluation mode; its
        parameters, their ``grad`` and the training flags are as before afterwards. Samples must not influence each
        other, nor change their order.
    X : tensor or array-like of shape (n, ...)
        Samples. Numbers that are not integers are cast to the dtype of the parameters; integers, such as tokens, are
        allowed if `layer` is given.
    layer : str or None, default=None
        Name of a weight matrix, as `neural_feature_ansatz` lists them: "path" of a linear layer or convolution,
        "path.query", "path.key", "path.value" or "path.out_proj" of attention, "path.input" or "path.hidden" of a
        recurrent layer or cell. None takes the input of the module.
    center : bool, default=False
        Whether to subtract from each gradient its mean over samples, for every output and position: ``g_ilp`` becomes
        ``g_ilp - sum_j w_j g_jlp``. Positions p are those of a token, a patch or a call in its sample.
    sample_weight : array-like of shape (n,), default=None
        Weights of samples; None means equal ones.
    batch_size : int, default=128
        Samples in one pass.
    n_projections : int or None, default=None
        If there are more outputs than this, they are replaced by so many random combinations, the same for all samples,
        with independent Gaussian weights of variance ``1 / n_projections``: the AGOP is then right on average. None
        stands for 64, so that up to 64 outputs are differentiated exactly.
    random_state : int, RandomState instance or None, default=None
        For the combinations.

    Returns
    -------
    ndarray of shape (d, d)
        In float64, where d is the length of the vectors.

    Raises
    ------
    ImportError
        If torch is missing.
    TypeError
        If `module` is no torch module, or does not return a tensor.
    ValueError
        If there is no such layer, the outputs do not depend on it, or the gradients are not finite.

    Warns
    -----
    UserWarning
        With `center`, if samples differ in the positions that the layer sees. The result is NaN.

    Notes
    -----
    One forward pass, and a backward pass for every output or combination. In a convolution h stands for a patch with
    channels first, in the order of ``torch.nn.functional.unfold``, and groups are taken for a weight matrix that is
    block diagonal. The gradient with respect to the hidden state of a GRU cell includes the part that goes past the
    weights.

    With `center`, the mean takes the memory of one sample's gradients of all outputs. If samples are flattened with
    another axis or concatenated before the layer, as by ``x.flatten(0, 1)``, they are run one by one, which is slower.

    References
    ----------
    Radhakrishnan, Beaglehole, Pandit and Belkin, arXiv 2212.13881, equation 2. Beaglehole, Mitliagkas and Agarwala,
    arXiv 2402.05271, for the centred form.

    Examples
    --------
    >>> import torch
    >>> from rfmlearn.neural import module_agop
    >>> module = torch.nn.Linear(2, 1, bias=False)
    >>> _ = torch.nn.init.constant_(module.weight, 3.0)
    >>> module_agop(module, torch.zeros(5, 2))
    array([[9., 9.], [9., 9.]])
    """
    check_module(module, "module_agop")
    check_sizes(batch_size=batch_size, n_projections=n_projections)
    from ._gradients import Survey, as_samples, draw_projections, gradient_moments
    from ._weights import named_matrices

    X = as_samples(module, X)
    if layer is None and not X.is_floating_point():
        raise ValueError(f"X must be floating to be differentiated, got {X.dtype}: name a layer instead.")
    weights = check_weights(sample_weight, np.empty(len(X)))
    survey = Survey.of(module, X, [] if layer is None else named_matrices(module, [layer]))
    if survey.unreached:
        raise ValueError(f"{unreached(layer)}.")
    moments = gradient_moments(
        module,
        X,
        survey,
        weights / weights.sum(),
        projections=draw_projections(survey.n_outputs, n_projections, check_random_state(random_state)),
        batch_size=batch_size,
        centered=center,
        at_input=layer is None,
    )
    raw, centered = moments[layer].matrices("X" if layer is None else f"the input of layer {layer!r}")
    if center and np.isnan(centered).any():
        warnings.warn(unaligned(layer), UserWarning, stacklevel=2)
    second = centered if center else raw
    return second if layer is None else survey.reached[0].input_agop(second)


def unreached(name):
    """What to say of a layer without gradients of single samples."""
    return f"layer {name!r} is not reached in the forward pass, or not by each sample on its own"


def unaligned(name):
    """What to say of a layer whose gradients have no mean for each position."""
    return f"layer {name!r} does not see the same positions of every sample: its centred AGOP is NaN."
