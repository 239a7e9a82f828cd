"""Speed-limited optimisation: every layer learns at a pace of its own. Experimental."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from numbers import Real

import numpy as np
from sklearn.utils import check_scalar

from ._module_gradients import check_module, import_torch

# Optimisers whose steps do not depend on the size of gradients.
_SCALE_FREE = ("Adam", "AdamW", "Adamax", "NAdam", "RAdam", "RMSprop", "Adagrad", "Adadelta", "Rprop", "Muon")


class SpeedLimited:
    """Wrapper of an optimiser that brings the gradient of each layer to a fixed norm before every step. Experimental.

    With a high speed in the first layers and a low one behind them, the change of the first weights soon outweighs what
    they were drawn as, so that the centred neural feature ansatz becomes the whole of it. This is our reading of
    speed-limited optimisation in arXiv 2402.05271, whose equation we have not seen: the gradient of the weights and
    offsets of layer l, as one vector, is scaled to the norm C_l.

    Parameters
    ----------
    optimizer : torch.optim.Optimizer
        Any that minds the size of gradients, such as ``torch.optim.SGD``. Schedulers are made for it, not for the
        wrapper.
    module : torch.nn.Module
        The network.
    speeds : float, sequence or dict
        C_l: one for all layers, one for each in the order of the module, or by names of layers; those that a dict does
        not name keep their gradients. A layer is a submodule that has parameters of its own.

    Attributes
    ----------
    optimizer : torch.optim.Optimizer
        As given.
    speeds : dict of str to float
        By names of layers.

    Raises
    ------
    TypeError, ValueError
        If a parameter is not what is described above, there is no such layer, or speeds are not as many as layers.

    Warns
    -----
    UserWarning
        If the optimiser divides by the size of gradients itself, as Adam does: speeds would do nothing.

    Notes
    -----
    Steps of a fixed norm do not shrink towards a minimum: the loss stalls where a step of length ``C_l`` times the
    learning rate leads over the minimum, unless a scheduler lowers the rate. Gradients of zero stay zero. Parameters
    that several layers share belong to the first.

    References
    ----------
    Beaglehole, Mitliagkas and Agarwala, arXiv 2402.05271.

    Examples
    --------
    >>> import torch
    >>> from rfmlearn.neural import SpeedLimited
    >>> module = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 1))
    >>> optimizer = SpeedLimited(torch.optim.SGD(module.parameters(), lr=1e-4), module, speeds=[500.0, 0.002])
    >>> optimizer.speeds
    {'0': 500.0, '2': 0.002}
    >>> optimizer.zero_grad()
    >>> module(torch.ones(5, 3)).square().sum().backward()
    >>> optimizer.step()
    >>> norms = [sum(p.grad.square().sum() for p in module[k].parameters()).sqrt().item() for k in (0, 2)]
    >>> [round(norm, 4) for norm in norms]
    [500.0, 0.002]
    """

    def __init__(self, optimizer, module, speeds):
        torch = import_torch("SpeedLimited")
        if not isinstance(optimizer, torch.optim.Optimizer):
            raise TypeError(f"optimizer must be a torch.optim.Optimizer, got a {type(optimizer).__name__}.")
        check_module(module, "SpeedLimited")
        if type(optimizer).__name__ in _SCALE_FREE:
            warnings.warn(
                f"{type(optimizer).__name__} divides by the size of gradients, so that speeds do next to nothing: take "
                "torch.optim.SGD.",
                UserWarning,
                stacklevel=2,
            )
        self.optimizer = optimizer
        layers = _layers_with_parameters(module)
        self.speeds = _checked_speeds(speeds, list(layers))
        self._parameters = {name: layers[name] for name in self.speeds}

    def limit(self):
        """Bring the gradients of all layers to their norms, without a step.

        Raises
        ------
        ValueError
            If a gradient is not finite.
        """
        for name, speed in self.speeds.items():
            gradients = [_entries(parameter) for parameter in self._parameters[name] if parameter.grad is not None]
            # In double precision, and relative to the largest entry, squares neither overflow nor vanish. The maximum
            # is NumPy's, as that of Python passes over NaN.
            largest = np.max([g.abs().max().item() for g in gradients if g.numel()], initial=0.0)
            if not np.isfinite(largest):
                raise ValueError(f"the gradient of layer {name!r} has NaN or infinity: lower the rate or the speeds.")
            if largest > 0:
                squares = sum((g.detach().double() / largest).square().sum().item() for g in gradients)
                for g in gradients:
                    g.div_(largest).mul_(speed / np.sqrt(squares))

    def step(self, closure=None):
        """Limit the gradients, and have the optimiser make its step.

        Parameters
        ----------
        closure : callable or None, default=None
            Computes the loss and its gradients anew, for optimisers that want that.

        Returns
        -------
        float or None
            What the optimiser returns: the loss, if there is a closure.
        """
        if closure is None:
            self.limit()
            return self.optimizer.step()

        def limited():
            loss = closure()
            self.limit()
            return loss

        return self.optimizer.step(limited)

    def zero_grad(self, set_to_none=True):
        """As the optimiser does.

        Parameters
        ----------
        set_to_none : bool, default=True
            Whether gradients become None.
        """
        self.optimizer.zero_grad(set_to_none=set_to_none)

    @property
    def param_groups(self):
        """Those of the optimiser.

        Returns
        -------
        list of dict
        """
        return self.optimizer.param_groups

    def state_dict(self):
        """State of the optimiser; speeds are no part of it.

        Returns
        -------
        dict
        """
        return self.optimizer.state_dict()

    def load_state_dict(self, state_dict):
        """Restore the state of the optimiser.

        Parameters
        ----------
        state_dict : dict
            As `state_dict` returned it.
        """
        self.optimizer.load_state_dict(state_dict)


def _entries(parameter):
    """The gradient of a parameter, or what is stored of a sparse one, each place once; writing into it changes it."""
    if not parameter.grad.is_sparse:
        return parameter.grad
    parameter.grad = parameter.grad.coalesce()
    return parameter.grad.values()


def _layers_with_parameters(module):
    """Parameters of all submodules that have some of their own, by their names; each parameter once."""
    found: dict[str, list] = {}
    seen: set[int] = set()
    for path, child in module.named_modules():
        own = [p for p in child.parameters(recurse=False) if id(p) not in seen]
        seen.update(map(id, own))
        if own:
            found[path or type(child).__name__.lower()] = own
    return found


def _checked_speeds(speeds, names):
    """Speeds by name of layer."""
    if isinstance(speeds, Real):
        speeds = dict.fromkeys(names, speeds)
    elif isinstance(speeds, Mapping):
        unknown = [name for name in speeds if name not in names]
        if unknown:
            raise ValueError(f"speeds name a layer {unknown[0]!r}, but layers with parameters are {names}.")
    elif isinstance(speeds, Sequence | np.ndarray) and not isinstance(speeds, str):
        if len(speeds) != len(names):
            raise ValueError(f"speeds must be one for each of the {len(names)} layers {names}, got {len(speeds)}.")
        speeds = dict(zip(names, speeds, strict=True))
    else:
        raise TypeError(f"speeds must be a number, a sequence or a dict, got a {type(speeds).__name__}.")
    if not speeds:
        raise ValueError(f"speeds is empty: name at least one of the layers {names}.")
    for name, speed in speeds.items():
        check_scalar(speed, f"speed of layer {name!r}", Real, min_val=0, include_boundaries="neither")
        if not np.isfinite(speed):
            raise ValueError(f"the speed of layer {name!r} must be finite, got {speed}.")
    return {name: float(speed) for name, speed in speeds.items()}
