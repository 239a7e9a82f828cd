"""What classifier and regressor on a cluster share."""

from __future__ import annotations

import inspect
import time
from typing import Any, ClassVar

import numpy as np
from sklearn.base import clone
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from ..large._draws import sample_rows
from ..large._plan import LargePlan, is_large
from ..rfm._base import BaseRFM
from ..rfm._settings import make_large_recursion
from ._predict import predict_lazily
from ._rows import RowsOnCluster
from ._run import Run, find_client
from ._table import Table

# What belongs to a client, and goes neither into pickles nor to workers.
_OF_CLIENT = "client", "_on_workers"


def constructor(model):
    """That of a model, and `client` besides."""

    def __init__(self, *args, client=None, **parameters):
        model.__init__(self, *args, **parameters)
        self.client = client

    signature, kind = inspect.signature(model.__init__), inspect.Parameter.KEYWORD_ONLY
    client = inspect.Parameter("client", kind, default=None)
    vars(__init__)["__signature__"] = signature.replace(parameters=[*signature.parameters.values(), client])
    return __init__


class DaskRFM(BaseRFM):
    """Fit and predict of tables on a dask cluster: a mixin before the estimator of tables in memory."""

    _local: ClassVar[Any]
    client: Any

    @property
    def client_(self):
        """The client that was given, or else that of here and now, looked up whenever it is needed."""
        return find_client(self.client)

    def to_local(self):
        """The same fitted model as an estimator of tables in memory.

        Returns
        -------
        RFMClassifier or RFMRegressor
            It shares its arrays with this one, and knows nothing of dask.
        """
        parameters = self.get_params(deep=False)
        del parameters["client"]
        local = self._local(**parameters)
        vars(local).update({name: value for name, value in vars(self).items() if name not in _OF_CLIENT})
        return local

    def _check_loss(self):
        if self.loss != "squared_error":
            raise ValueError(
                f"{type(self).__name__} is for loss='squared_error' only, got loss={self.loss!r}: take "
                f"{self._local.__name__} of the rows that fit into memory."
            )

    def _read(self, X, y, sample_weight, as_classes=False):
        """The user's table, and whether it is to stay on the workers."""
        table = Table(Run(self.client_), X, y, sample_weight, as_classes)
        self.__dict__.pop("_on_workers", None)
        n, budget = len(table), self.large_budget
        return table, is_large(n, self.solver, budget) and n > budget.packed_up_to

    def _fit_on_workers(self, table, target, weights):
        """Learn from a table that stays there, as `_fit` does from one in memory."""
        start, rng = time.perf_counter(), check_random_state(self.random_state)
        rows = sample_rows(len(table), rng, self.large_budget)
        sample = self._check_X(table.take(rows), reset=True)
        points = self._learn_encoding(sample, target.encode(table.outcomes[rows]), weights[rows])
        # Averages of targets, by which categories may be coded, are not those of a row's own.
        seen = (rows, points) if self.categorical_encoding == "target" else None
        chunk_rows = self.large_budget.chunk_of(len(table))
        on_workers = RowsOnCluster.encoded(table, self._encoder, target, weights, chunk_rows, seen)
        table.forget()
        plan = LargePlan.of(points, on_workers.n_outputs, self.large_budget, len(table))
        recursion = make_large_recursion(self, on_workers, self._encoder.coordinate_names_, weights, rng, plan)
        return recursion, self._run(recursion, target, rng, start)

    def _predict_on_workers(self, X, method, columns=None, dtype=None, **options):
        check_is_fitted(self)
        dtype = self._encoder.dtype_ if dtype is None else dtype
        return predict_lazily(self._model_on_workers(), X, method, columns, dtype, options)

    def _model_on_workers(self):
        """The future of the fitted model, which is sent to the workers once."""
        client, future = self.client_, self.__dict__.get("_on_workers")
        if future is None or future.client is not client or future.status != "finished":
            model = self.to_local().set_params(callback=None)  # which may hold what cannot be sent
            self._on_workers = future = client.scatter(model, broadcast=True, hash=False)
        return future

    def _score(self, metric, X, y, sample_weight):
        """A metric of predictions, which come here with the targets."""
        found = [self.predict(X), y, sample_weight]
        predicted, y, sample_weight = self.client_.compute(found, sync=True)
        return metric(np.asarray(y), np.asarray(predicted), sample_weight=sample_weight)

    def __getstate__(self):
        state = {name: value for name, value in super().__getstate__().items() if name not in _OF_CLIENT}
        return state | {"client": None}

    def __sklearn_clone__(self):
        parameters = self.get_params(deep=False)
        del parameters["client"]  # which cannot be copied
        copies = {name: clone(value, safe=False) for name, value in parameters.items()}
        return type(self)(**copies).set_params(client=self.client)
