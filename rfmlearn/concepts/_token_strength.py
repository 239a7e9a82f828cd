"""Steering with a strength that is learned and differs between tokens."""

from __future__ import annotations

from functools import partial
from numbers import Integral, Real

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state, check_scalar
from sklearn.utils.validation import check_is_fitted

from ..neural._module_gradients import check_module, check_sizes, import_torch
from ._steering import Steered, adding, checked_vectors

_UNSCORED = -100  # of labels, as in torch


class TokenStrength(BaseEstimator):
    """Steering along fixed directions with a strength that is learned for each token from its state.

    At every layer with a direction v and at every token, the output h becomes ``h + (c . [h; 1]) v``. The coefficients
    c minimise the loss of the next token on given texts; the module itself is not changed.

    Parameters
    ----------
    learning_rate : float, default=0.01
        Of AdamW, for coefficients in units in which the states of a layer are of size one.
    weight_decay : float, default=0.01
        Of AdamW, in the same units: pulls towards no steering.
    n_epochs : int, default=5
        How often all texts are gone through.
    batch_size : int, default=8
        Texts for each step.
    random_state : int, RandomState instance or None, default=None
        For the order of texts.

    Attributes
    ----------
    layers_ : list of str
        Names of the layers.
    vectors_ : dict of str to ndarray of shape (width,)
        Directions by layer.
    coef_ : dict of str to ndarray of shape (width + 1,)
        Coefficients c by layer, that of the constant last; zero before training.
    loss_curve_ : ndarray of shape (n_epochs,)
        Mean loss of a token in each epoch, while it was learned.

    References
    ----------
    Hsu, Beaglehole, Radhakrishnan and others, arXiv 2604.24693, contextual linear activation steering (CLAS).

    Examples
    --------
    >>> import torch
    >>> from rfmlearn.concepts import TokenStrength
    >>> with torch.random.fork_rng():
    ...     _ = torch.manual_seed(0)
    ...     module = torch.nn.Sequential(torch.nn.Embedding(3, 4), torch.nn.Linear(4, 4), torch.nn.Linear(4, 3))
    >>> strength = TokenStrength(n_epochs=50, random_state=0)
    >>> vectors = {"1": module[2].weight[2]}  # towards the third token
    >>> texts = [[0, 2, 2, 2], [1, 2, 2]]
    >>> loss = strength.fit(module, texts, vectors).loss_curve_
    >>> bool(loss[-1] < loss[0])
    True
    >>> with strength.steer(module):
    ...     logits = module(torch.tensor([0]))
    """

    def __init__(self, *, learning_rate=0.01, weight_decay=0.01, n_epochs=5, batch_size=8, random_state=None):
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.n_epochs = n_epochs
        self.batch_size = batch_size
        self.random_state = random_state

    def fit(self, module, inputs, vectors, *, labels=None, layers=None):
        """Learn the coefficients.

        Parameters
        ----------
        module : torch.nn.Module
            Returns logits of shape (n_examples, n_tokens, n_classes), alone or before other things: those at a token
            are for the next one. Is run in evaluation mode, and is as before afterwards.
        inputs : tensor, dict of tensors, or list
            As in `record_activations`.
        vectors : dict of str to array-like of shape (width,), or array-like of shape (n_layers, width)
            Directions, as in `steer`.
        labels : list of sequences of int or tensor of shape (n_examples, n_tokens), default=None
            Which token is right at each place, -100 where none is asked for, such as within a prompt. None takes the
            tokens of `inputs` themselves, those under their ``attention_mask``, as far as the one before is too.
        layers : str, list of str or None, default=None
            Names of sub-modules, if `vectors` are an array, as in `steer`.

        Returns
        -------
        self : TokenStrength
        """
        check_module(module, "TokenStrength")
        check_sizes(batch_size=self.batch_size)
        check_scalar(self.n_epochs, "n_epochs", Integral, min_val=1)
        check_scalar(self.learning_rate, "learning_rate", Real, min_val=0, include_boundaries="neither")
        check_scalar(self.weight_decay, "weight_decay", Real, min_val=0)
        torch = import_torch("TokenStrength")
        from ._examples import Examples
        from ._gates import first_gates
        from ._modules import frozen

        parts, vectors = checked_vectors(module, vectors, layers)
        if zero := [name for name, vector in vectors.items() if not vector.any()]:
            raise ValueError(f"the vector of layer {zero[0]!r} is zero: leave that layer out.")
        examples = Examples.read(module, inputs)
        targets = _targets(examples, labels)
        with torch.inference_mode(False), torch.enable_grad(), frozen(module):
            gates = first_gates(module, examples, parts, vectors, self.batch_size)
            loss_curve = self._train(module, examples, targets, parts, gates)
        self.layers_ = list(parts)
        self.vectors_ = vectors
        self.coef_ = {name: gate.scaled().detach().cpu().double().numpy() for name, gate in gates.items()}
        self.loss_curve_ = np.array(loss_curve)
        return self

    def _train(self, module, examples, targets, parts, gates):
        """Minimise the loss in place; its mean in each epoch."""
        import torch

        from ._modules import hooked

        rng = check_random_state(self.random_state)
        weights = [gate.weight for gate in gates.values()]
        optimizer = torch.optim.AdamW(weights, lr=self.learning_rate, weight_decay=self.weight_decay)
        curve = []
        for _ in range(self.n_epochs):
            total, n_total = 0.0, 0
            for chosen in _chunks(rng.permutation(len(examples)), self.batch_size):
                n = sum(int((targets[i][1:] != _UNSCORED).sum()) for i in chosen)
                if not n:
                    continue
                optimizer.zero_grad()
                with hooked(parts, lambda name: adding(name, gates[name].added, len(gates[name].vector))):
                    for places, batch in examples.batches(self.batch_size, chosen):
                        loss = _loss(examples.run(module, batch), [targets[i] for i in places])
                        _check_loss(loss)
                        (loss / n).backward()
                        total += float(loss.detach())
                optimizer.step()
                n_total += n
            curve.append(total / n_total)
        return curve

    def steer(self, module):
        """Steer a module as it was learned, within a ``with`` block.

        Parameters
        ----------
        module : torch.nn.Module
            With the layers that the coefficients were learned for.

        Returns
        -------
        context manager
            As that of `rfmlearn.concepts.steer`.
        """
        check_is_fitted(self)
        check_module(module, "TokenStrength")
        from ._modules import named_layers, steering

        parts = named_layers(module, self.layers_)
        gates = self._gates()
        return Steered(lambda: steering(module, parts, lambda n: adding(n, gates[n].added, len(gates[n].vector))))

    def strengths(self, module, inputs, *, batch_size=32):
        """Strength of every token, while the module is steered.

        Parameters
        ----------
        module : torch.nn.Module
            With the layers that the coefficients were learned for.
        inputs : tensor, dict of tensors, or list
            As in `record_activations`.
        batch_size : int, default=32
            Examples in one pass.

        Returns
        -------
        list of ndarray of shape (n_tokens, n_layers)
            For each example, c . [h; 1] of its tokens, padded ones too.

        Raises
        ------
        ValueError
            If a layer is not reached, or called more than once in a pass.
        """
        check_is_fitted(self)
        check_module(module, "TokenStrength")
        check_sizes(batch_size=batch_size)
        torch = import_torch("TokenStrength")
        from ._examples import Examples
        from ._modules import frozen, hooked, named_layers

        parts, gates = named_layers(module, self.layers_), self._gates()
        examples = Examples.read(module, inputs)
        found: list = [None] * len(examples)
        with frozen(module), torch.no_grad():
            for places, batch in examples.batches(batch_size):
                strengths: dict = {}
                noting = partial(_noting, gates, strengths)
                with hooked(parts, lambda n, noting=noting: adding(n, noting(n), len(gates[n].vector))):
                    examples.run(module, batch)
                if missing := [name for name in parts if name not in strengths]:
                    raise ValueError(f"layer {missing[0]!r} is not reached in the forward pass.")
                by_layer = torch.stack([strengths[name].cpu() for name in parts], dim=-1)
                for i, strength in zip(places, by_layer.reshape(len(places), -1, len(parts)), strict=True):
                    found[i] = strength.double().numpy()
        return found

    def _gates(self):
        import torch

        from ._gates import Gate

        return {
            name: Gate(torch.as_tensor(self.coef_[name]), torch.as_tensor(self.vectors_[name])) for name in self.layers_
        }


def _noting(gates, strengths, name):
    """What a gate adds, and its strengths kept under a name."""

    def added(h):
        if name in strengths:
            raise ValueError(f"layer {name!r} is called more than once in a pass: its tokens have several strengths.")
        strengths[name], change = gates[name].strength_and_change(h)
        return change

    return added


def _chunks(order, size):
    return [order[start : start + size] for start in range(0, len(order), size)]


def _targets(examples, labels):
    """The right token of each place, by example."""
    import torch

    from ._examples import MASK, tokens_of

    if labels is not None and len(labels) != len(examples):
        raise ValueError(f"labels are of {len(labels)} example(s), inputs of {len(examples)}.")
    targets = []
    for i, row in enumerate(examples.rows):
        if labels is not None:
            target = torch.as_tensor(labels[i])
        elif (tokens := tokens_of(row)) is not None:
            target = tokens if MASK not in row else tokens.where(_scored(row[MASK]), torch.tensor(_UNSCORED))
        else:
            raise ValueError("inputs are no sequences of tokens, whose next one could be predicted: give labels.")
        if target.ndim != 1 or target.is_floating_point():
            raise ValueError(
                f"labels of example {i} must be a sequence of whole numbers, got {target.dtype} of shape "
                f"{tuple(target.shape)}."
            )
        if (n_tokens := None if tokens_of(row) is None else len(tokens_of(row))) not in (None, len(target)):
            raise ValueError(f"labels of example {i} must be one for each of its {n_tokens} tokens, got {len(target)}.")
        target = target.long()
        if (target[target != _UNSCORED] < 0).any():
            raise ValueError(f"labels of example {i} have {int(target.min())}: only -100 may be negative.")
        targets.append(target)
    if not any((target[1:] != _UNSCORED).any() for target in targets):
        raise ValueError("there is no next token to learn from: after the first, no label is other than -100.")
    return targets


def _scored(mask):
    """Tokens that are predicted from one that is no padding, nor are it themselves."""
    real = mask.bool()
    return real & real.roll(1)


def _loss(output, targets):
    """Sum of the cross-entropies of next tokens in a batch."""
    import torch

    from ._modules import first_tensor

    logits = first_tensor(output, "the module itself")
    lengths = {len(target) for target in targets}
    if logits.ndim != 3 or len(logits) != len(targets) or lengths != {logits.shape[1]}:
        raise ValueError(
            f"module must return logits of shape (examples, tokens, classes), got {tuple(logits.shape)} for labels of "
            f"{len(targets)} example(s) and {', '.join(map(str, sorted(lengths)))} token(s)."
        )
    targets = torch.stack(targets).to(logits.device)
    if int(targets.max()) >= logits.shape[2]:
        raise ValueError(f"labels have token {int(targets.max())}, but module returns {logits.shape[2]} logits.")
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
    return torch.nn.functional.cross_entropy(
        logits[:, :-1].flatten(0, 1), targets[:, 1:].flatten(), ignore_index=_UNSCORED, reduction="sum"
    )


def _check_loss(loss):
    if not loss.requires_grad:
        raise ValueError("the logits depend on none of the layers, or were detached: there is nothing to learn.")
    if not loss.isfinite():
        raise ValueError("the loss is NaN or infinite: take a smaller learning_rate.")
