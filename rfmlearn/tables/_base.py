"""What all estimators of tables share: what may come in, and validation sets."""

from __future__ import annotations

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import validate_data

from .._sklearn_compat import DocumentedMixin, check_weights
from ..runtime._budget import BLOCK_ROWS
from ..runtime._trouble import warn_user
from ._blocks import in_blocks
from ._frames import check_table


class TableEstimator(DocumentedMixin, BaseEstimator):
    """An estimator that takes tables as they are: missing values, categories, strings."""

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = True
        tags.input_tags.string = True
        return tags

    def _categorical_columns(self):
        """Indices of the columns that were taken for categories in fit; none before."""
        return self._encoder.categorical_ if hasattr(self, "_encoder") else np.empty(0, dtype=np.intp)

    def _check_X(self, X, reset):
        """The user's table, a DataFrame as it is or an array, with its columns counted and named."""
        X = check_table(X, self)
        validate_data(self, X, reset=reset, skip_check_array=True)
        names = getattr(self, "feature_names_in_", None)
        if reset and names is not None:  # an array that pandas may have lent, and text of NumPy
            self.feature_names_in_ = np.fromiter(map(str, names), dtype=object, count=len(names))
        return X

    def _in_blocks(self, function, X, n_rows=BLOCK_ROWS):
        """What a function of points makes of the user's table, which is encoded block by block if it is large.

        Whether categories have changed since fit is asked of the table as a whole.

        Parameters
        ----------
        function : callable
            Of `Points`, to an array with a row for each.
        X : table
            As the user has passed it.
        n_rows : int, default=65536
            Rows of a block. A table that has no more is encoded as it is.
        """
        X = self._check_X(X, reset=False)
        if len(X) <= n_rows:
            return function(self._encoder.transform(X))
        self._encoder.check_categories(X)
        return in_blocks(lambda block: function(self._encoder.transform(block, known=True)), X, n_rows)

    def _warn_of_suspicions(self, encoder):
        """Warn of columns that are hardly meant as they were read; the messages, for `fit_warnings_`."""
        for message in encoder.suspicions_:
            warn_user(message)
        return list(encoder.suspicions_)

    def _check_validation(self, X_val, y_val, sample_weight_val):
        """Both or neither of X_val and y_val; the table and its weights."""
        if (X_val is None) != (y_val is None):
            given, missing = ("X_val", "y_val") if y_val is None else ("y_val", "X_val")
            raise ValueError(f"{given} was given without {missing}: pass both or neither.")
        if X_val is None:
            if sample_weight_val is not None:
                raise ValueError("sample_weight_val was given without X_val and y_val.")
            return None
        X_val = self._check_X(X_val, reset=False)
        return X_val, check_weights(sample_weight_val, X_val, "sample_weight_val")
