"""What the layers of a network are like, step by step while it trains."""

from __future__ import annotations

import warnings
from numbers import Integral, Real

import numpy as np
from sklearn.utils import check_random_state, check_scalar

from ..targets._linearity import target_linearity
from ._comparison import gram, pearson
from ._module_gradients import check_module, check_sizes, unreached
from ._network import checked_names, same_matrices

MEASURES = ("nfa", "nfa_centered", "target_linearity", "virtual_covariance")
_NEED_TARGETS = ("target_linearity", "virtual_covariance")


class TrainingRecorder:
    """Follows the layers of a torch module while it is trained, by any loop.

    Make it before training, and call it in the loop: ``recorder()`` after each step, or ``recorder(step)``. At every
    `every`-th step, and before the first if it is called there, it measures each layer with weights W on the same
    samples:

    - the neural feature ansatz, ``rho(W^T W, W^T K W)``, where rho is the correlation of entries and K the feature
      covariance of the pre-activation tangent kernel, so that ``W^T K W`` is the average gradient outer product (AGOP);
    - its centred form, with ``W - W0`` in place of W, where W0 was W before training;
    - the target linearity of what W multiplies, see `target_linearity`;
    - the virtual covariance ``V = sum (h - eta J)(h - eta J)^T - h h^T`` over all h that W multiplies, with the
      gradient J of the loss by h: what a step down the loss would change if h could move. To first order in eta it is
      what a step of gradient descent changes in ``W^T W``.

    Parameters
    ----------
    module : torch.nn.Module
        The network. It is measured in evaluation mode; its parameters, their ``grad``, its training flags and the state
        of torch's random numbers are as before afterwards.
    X : tensor or array-like of shape (n, ...)
        Samples, moved to where the parameters of the module are.
    y : tensor or array-like of shape (n, ...) or None, default=None
        Targets. Whole numbers are labels of classes. Without them there is neither target linearity nor virtual
        covariance.
    layers : str, list of str or None, default=None
        Name or names of layers, as in `neural_feature_ansatz`; None means all.
    every : int, default=1
        Steps from one record to the next.
    measures : str, list of str or None, default=None
        Some of "nfa", "nfa_centered", "target_linearity" and "virtual_covariance"; None means all that can be had.
    loss : callable or None, default=None
        From outputs of the module and targets to their mean over samples, as torch's losses. None is cross-entropy for
        labels, squared error for floating numbers.
    learning_rate : float, default=0.01
        eta of the virtual covariance, for the mean loss over all samples. Take that of the optimiser.
    power : float, default=1.0
        To which ``W^T K W`` is raised, in both forms.
    initial : torch.nn.Module or None, default=None
        The same network before training, if that is not what `module` is now.
    keep_matrices : bool, default=False
        Whether to keep the matrices in `matrices`.
    n_samples : int or None, default=None
        Samples drawn at random once; None means all.
    batch_size : int, default=128
        Samples in one pass.
    n_projections : int or None, default=None
        Random combinations of many outputs, as in `module_agop`, drawn once.
    random_state : int, RandomState instance or None, default=None
        For the samples and the combinations.

    Attributes
    ----------
    history : list of dict
        A record for each layer at each step: ``step``, ``layer``, ``loss`` of the module, if there are targets,
        ``weight_change`` ``|W - W0| / |W|``, and of what is measured ``nfa``, ``nfa_centered``, ``target_linearity``,
        ``virtual_covariance`` ``rho(W^T W, V)`` and ``virtual_change`` ``rho(W^T W - W0^T W0, sum V)``, the sum being
        over records before. NaN where a side is constant or unknown, as for changes before the first step.
    layers : list of str
        Names of the layers.
    matrices : dict
        With `keep_matrices`: under each (step, layer) a dict with "weights", "tangent_kernel" (or "agop" where that is
        unknown) and "virtual_covariance".

    Raises
    ------
    TypeError, ValueError
        If a parameter is not what is described above, targets are missing where they are needed, X, y or what the
        module gives is not finite, there is no such layer, parameters are on the device "meta", or steps do not
        increase.

    Warns
    -----
    UserWarning
        For layers that samples do not pass through; they are left out.

    See Also
    --------
    rfmlearn.inspection.TrainingDisplay : Pictures of the history.
    neural_feature_ansatz : One look at a trained network.

    Notes
    -----
    A record takes two forward passes, a backward pass for each output or combination, one for the loss, and least
    squares for each layer. The tangent kernel is known at linear layers and convolutions; at others the AGOP stands for
    ``W^T K W``, and the centred form is NaN. What the output projection of attention multiplies is not seen, so that
    its linearity and virtual covariance are NaN. Convolutions are measured with all patches of a batch in memory.

    References
    ----------
    Beaglehole, Mitliagkas and Agarwala, arXiv 2402.05271, for both forms of the ansatz. Cha, Beaglehole, Radhakrishnan
    and others, arXiv 2605.06258, for target linearity and the virtual covariance.

    Examples
    --------
    >>> import torch
    >>> from rfmlearn.neural import TrainingRecorder
    >>> with torch.random.fork_rng():
    ...     _ = torch.manual_seed(0)
    ...     module = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1))
    ...     X = torch.randn(50, 4)
    >>> y = X[:, 0] * X[:, 1]
    >>> optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    >>> recorder = TrainingRecorder(module, X, y, every=10, learning_rate=0.1)
    >>> for step in range(21):
    ...     _ = recorder(step)
    ...     optimizer.zero_grad()
    ...     torch.nn.functional.mse_loss(module(X)[:, 0], y).backward()
    ...     optimizer.step()
    >>> [(record["step"], record["layer"]) for record in recorder.history]
    [(0, '0'), (0, '2'), (10, '0'), (10, '2'), (20, '0'), (20, '2')]
    """

    def __init__(
        self,
        module,
        X,
        y=None,
        *,
        layers=None,
        every=1,
        measures=None,
        loss=None,
        learning_rate=0.01,
        power=1.0,
        initial=None,
        keep_matrices=False,
        n_samples=None,
        batch_size=128,
        n_projections=None,
        random_state=None,
    ):
        check_module(module, "TrainingRecorder")
        if initial is not None:
            check_module(initial, "TrainingRecorder", "initial")
        for name, value in (("power", power), ("learning_rate", learning_rate)):
            check_scalar(value, name, Real, min_val=0, include_boundaries="neither")
        check_scalar(every, "every", Integral, min_val=1)
        check_sizes(n_samples=n_samples, batch_size=batch_size, n_projections=n_projections)
        if loss is not None and not callable(loss):
            raise TypeError(f"loss must be a function of outputs and targets or None, got a {type(loss).__name__}.")
        from ._gradients import Survey, as_samples, draw_projections, untouched_randomness
        from ._losses import as_targets, default_loss
        from ._weights import named_matrices

        self.measures = _checked_measures(measures, y)
        self.module, self.every, self.learning_rate, self.power = module, every, learning_rate, power
        self.keep_matrices, self.batch_size, self.loss = keep_matrices, batch_size, loss or default_loss
        rng, self._X = check_random_state(random_state), as_samples(module, X)
        self._y = None if y is None else as_targets(y, len(self._X))
        if n_samples is not None and n_samples < len(self._X):
            rows = np.sort(rng.choice(len(self._X), n_samples, replace=False))
            self._X, self._y = self._X[rows], None if self._y is None else self._y[rows]
        with untouched_randomness(module):
            self._survey = Survey.of(module, self._X, named_matrices(module, checked_names(layers)))
        self._check_reached()
        self._projections = draw_projections(self._survey.n_outputs, n_projections, rng)
        matrices = {matrix.name: matrix for matrix in self._survey.reached}
        if initial is not None:
            matrices = same_matrices(initial, self._survey.reached)
        self._initial = {name: matrix.array().copy() for name, matrix in matrices.items()}
        self._virtual_sums = dict.fromkeys(matrices, 0.0)
        self.layers: list[str] = list(matrices)
        self.history: list[dict] = []
        self.matrices: dict[tuple[int, str], dict] = {}
        self._next = 0

    def _check_reached(self):
        """Warn of layers left out; an error if there are no others."""
        if not self._survey.reached:
            raise ValueError(f"each sample on its own passes through none of the layers {self._survey.unreached}.")
        for name in self._survey.unreached:
            warnings.warn(f"{unreached(name)}: it is left out.", UserWarning, stacklevel=3)

    def __call__(self, step=None):
        """Record, if it is time to.

        Parameters
        ----------
        step : int or None, default=None
            Steps made so far; None counts the calls, from 0. What is no multiple of `every` is passed over.

        Returns
        -------
        list of dict
            The new records, which are in `history` too; empty if it was not time.
        """
        step = self._next if step is None else step
        check_scalar(step, "step", Integral, min_val=0)
        self._next = step + 1
        return [] if step % self.every else self.record(step)

    def record(self, step):
        """Record now.

        Parameters
        ----------
        step : int
            Steps made so far, more than at the record before.

        Returns
        -------
        list of dict
            The new records.
        """
        check_scalar(step, "step", Integral, min_val=0)
        if self.history and step <= self.history[-1]["step"]:
            raise ValueError(
                f"step must increase, got {step} after {self.history[-1]['step']}: count steps over all epochs, or "
                "make a recorder for each run."
            )
        from ._gradients import untouched_randomness

        try:
            with untouched_randomness(self.module):
                found = self._measure(int(step))
        except ValueError as error:
            raise ValueError(f"step {step} cannot be recorded: {error}") from error
        for record, matrices in found:  # all or none of them
            V = matrices.get("virtual_covariance")
            if V is not None:
                self._virtual_sums[record["layer"]] = self._virtual_sums[record["layer"]] + V
            if self.keep_matrices:
                self.matrices[record["step"], record["layer"]] = matrices
        records = [record for record, _ in found]
        self.history += records
        return records

    def _measure(self, step):
        """Records of all layers, each with its matrices."""
        from ._gradients import as_samples, second_moments
        from ._virtual_covariance import layer_inputs

        X, survey = as_samples(self.module, self._X), self._survey
        seconds, inputs, loss = {}, {}, {}
        if {"nfa", "nfa_centered"} & set(self.measures):
            options = {"projections": self._projections, "batch_size": self.batch_size, "centered": False}
            seconds = {name: raw for name, (raw, _) in second_moments(self.module, X, survey, **options).items()}
        if self._y is not None:
            y = self._y.to(X.device)
            inputs, mean = layer_inputs(self.module, X, y, survey, loss=self.loss, batch_size=self.batch_size)
            loss = {"loss": mean}
        found = []
        for matrix in survey.reached:
            record, matrices = self._measure_layer(matrix, seconds.get(matrix.name), inputs.get(matrix.name))
            found.append(({"step": step, "layer": matrix.name} | loss | record, matrices))
        return found

    def _measure_layer(self, matrix, second, inputs):
        """What is asked for, of a layer with the average outer product of its gradients and with its inputs."""
        W, W0 = matrix.array().copy(), self._initial[matrix.name]  # torch writes into weights
        size = np.linalg.norm(W)
        record = {"weight_change": float(np.linalg.norm(W - W0) / size) if size > 0 else np.nan}
        matrices = {"weights": W}
        if second is not None:
            record |= self._ansatz(matrix, second, W, W0)
            matrices["tangent_kernel" if matrix.has_tangent_kernel else "agop"] = second
        if "target_linearity" in self.measures:
            record["target_linearity"] = self._linearity(inputs.features_array(), matrix.name)
        if "virtual_covariance" in self.measures:
            V = matrices["virtual_covariance"] = inputs.virtual_covariance(self.learning_rate)
            record |= self._virtual(matrix.name, V, W, W0)
        return record, matrices

    def _ansatz(self, matrix, second, W, W0):
        """Both forms of the neural feature ansatz, as far as they are asked for."""
        from ._comparison import Comparison

        compare = Comparison("agop", False, self.power).correlation
        centered = np.nan
        if matrix.has_tangent_kernel:
            centered = compare(gram(W - W0), (W - W0).T @ second @ (W - W0))
        found = {"nfa": compare(gram(W), matrix.input_agop(second)), "nfa_centered": centered}
        return {name: value for name, value in found.items() if name in self.measures}

    def _linearity(self, H, name):
        """Target linearity, NaN of features that are unknown; of few samples one is told once."""
        from ._losses import target_table

        if H is None:
            return np.nan
        y, task = target_table(self._y)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            linearity = target_linearity(H, y, task=task)
        if caught and not self.history:
            warnings.warn(
                f"target linearity at layer {name!r} is about 1 whatever the targets, with {H.shape[1]} features of "
                f"{len(H)} samples: give more samples, or leave it out of measures.",
                UserWarning,
                stacklevel=6,
            )
        return linearity

    def _virtual(self, name, V, W, W0):
        """How the virtual covariance of now, and all so far, agree with the weights."""
        if V is None:
            return {"virtual_covariance": np.nan, "virtual_change": np.nan}
        so_far = self._virtual_sums[name]
        change = pearson(gram(W) - gram(W0), so_far) if np.any(so_far) else np.nan
        return {"virtual_covariance": pearson(gram(W), V), "virtual_change": change}

    def to_frame(self):
        """The history as a pandas DataFrame.

        Returns
        -------
        DataFrame
            A row for each record.
        """
        try:
            import pandas as pd
        except ImportError as error:
            raise ImportError('to_frame needs pandas: pip install "rfmlearn[bench]"') from error
        return pd.DataFrame(self.history)


def _checked_measures(measures, y):
    """Names of what is measured, in order."""
    if measures is None:
        return tuple(name for name in MEASURES if y is not None or name not in _NEED_TARGETS)
    names = {measures} if isinstance(measures, str) else set(measures)
    if not names or names - set(MEASURES):
        raise ValueError(f"measures must be some of {', '.join(map(repr, MEASURES))}, got {measures!r}.")
    missing = [name for name in _NEED_TARGETS if name in names and y is None]
    if missing:
        raise ValueError(f"{missing[0]} needs targets: give y, or leave it out of measures.")
    return tuple(name for name in MEASURES if name in names)
