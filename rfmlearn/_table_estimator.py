"""What all estimators of tables share: what may come in, validation sets, and a page about what was fitted."""

from __future__ import annotations

from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted, validate_data

from ._sklearn_compat import check_weights
from ._tables import check_table


class TableEstimator(BaseEstimator):
    """An estimator that takes tables as they are: missing values, categories, strings."""

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = True
        tags.input_tags.string = True
        return tags

    def _check_X(self, X, reset):
        """The user's table, a DataFrame as it is or an array, with its columns counted and named."""
        X = check_table(X, self)
        validate_data(self, X, reset=reset, skip_check_array=True)
        return X

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


class ReportMixin:
    """A page about a fitted model."""

    def report(self, path, X=None, y=None):
        """Write one HTML file about the fitted model, with pictures: it needs nothing beside it, and no network.

        Scores, what was chosen, importances of columns, the average gradient outer product (AGOP), the rounds of
        feature learning, and what fit warned of.

        Parameters
        ----------
        path : str or path-like
            Where to write it.
        X, y : array-like, default=None
            Rows to score, which the model has not seen, and to show in the plane of the two directions that matter
            most. Without them the page has what fit itself knows.

        Returns
        -------
        pathlib.Path
            The file written.

        Raises
        ------
        ImportError
            Without matplotlib; ``pip install "rfmlearn[plot]"`` brings it.
        """
        from .inspection._html_report import write_report

        check_is_fitted(self)
        return write_report(self, path, X, y)
