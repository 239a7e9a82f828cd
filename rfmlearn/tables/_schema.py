"""What a model keeps of the table it learned from: plain values, from which a table of the same kind is made."""

from __future__ import annotations

import datetime
import importlib
from dataclasses import dataclass, field

import numpy as np

from ._dates import TIMES
from ._libraries import library_of
from ._values import plain


@dataclass(frozen=True)
class TableSchema:
    """Names and types of the columns of a table, and nothing of its rows.

    All of it is Python's own, so a model loads where the library has another version or is missing.

    Attributes
    ----------
    library : {"pandas", "polars"} or None
        Whose DataFrame it was; None for an array, of which nothing but `times` is kept.
    names : tuple
        Names of the columns, of whatever type.
    dtypes : dict of int to str
        Name of the type of each categorical column, without parameters if it is one of polars.
    times : dict of int to (str, str or None)
        For each column of dates, durations or times the name of its type, and its time zone.
    categories : dict of int to (str, bool)
        For each pandas category the name of the type of its levels, and whether they are ordered.
    """

    library: str | None = None
    names: tuple = ()
    dtypes: dict[int, str] = field(default_factory=dict)
    times: dict[int, tuple[str, str | None]] = field(default_factory=dict)
    categories: dict[int, tuple[str, bool]] = field(default_factory=dict)

    @classmethod
    def of(cls, X, columns, categorical):
        """Schema of a table, its columns, and the indices of the categorical ones."""
        library = library_of(X)
        times = {j: _type_of_times(column) for j, column in enumerate(columns) if column.measure in TIMES}
        if library is None:
            return cls(times=times)
        types = {int(j): columns[j].data.dtype for j in categorical}
        categories = {
            j: (str(dtype.categories.dtype), bool(dtype.ordered))
            for j, dtype in types.items()
            if type(dtype).__name__ == "CategoricalDtype"
        }
        dtypes = {j: str(dtype) for j, dtype in types.items()}
        if library == "polars":  # the levels that an Enum may have are among its parameters
            dtypes = {j: name.partition("(")[0] for j, name in dtypes.items()}
            times = {j: (name.partition("(")[0], zone) for j, (name, zone) in times.items()}
        return cls(library, tuple(plain(name) for name in X.columns), dtypes, times, categories)

    def table(self, columns):
        """A table of the same kind.

        Parameters
        ----------
        columns : list
            For each column its numbers, an array of floats, or of dates, durations or times as `from_days` makes it; or
            of a categorical one the pair of all its levels (the last one None if values may be missing) and the place
            among them of each row.
        """
        if self.library is None:
            return _array([self._array_numbers(j, column) for j, column in enumerate(columns)])
        frame = importlib.import_module(self.library)
        return self._polars(frame, columns) if self.library == "polars" else self._pandas(frame, columns)

    def _array_numbers(self, j, column):
        if j not in self.times or not isinstance(column, np.ndarray) or column.dtype == object:
            return column
        name, _ = self.times[j]
        return _python_dates(column) if name == "date" else column.astype(name)

    def _pandas(self, pd, columns):
        series = [
            self._pandas_numbers(pd, j, column)
            if isinstance(column, np.ndarray)
            else self._pandas_categories(pd, j, *column)
            for j, column in enumerate(columns)
        ]
        return pd.concat(series, axis=1).set_axis(pd.Index(self.names), axis=1)

    def _pandas_numbers(self, pd, j, column):
        series = pd.Series(column)
        if j not in self.times:
            return series
        name, zone = self.times[j]
        if zone is not None:
            series = series.dt.tz_localize("UTC").dt.tz_convert(zone)
        try:
            return pd.Series(_python_dates(column), dtype=object) if name == "date" else series.astype(name)
        except (TypeError, ValueError):  # beyond what nanoseconds reach, or unknown to this version
            return series

    def _pandas_categories(self, pd, j, levels, places):
        values = [levels[place] for place in places]
        if j not in self.categories:
            return _of_type(pd.Series, values, self.dtypes[j])
        name, ordered = self.categories[j]
        index = _of_type(pd.Index, [level for level in levels if level is not None], name)
        return pd.Series(pd.Categorical(values, categories=index, ordered=ordered))

    def _polars(self, pl, columns):
        return pl.DataFrame(
            [
                self._polars_numbers(pl, j, name, column)
                if isinstance(column, np.ndarray)
                else self._polars_categories(pl, j, name, *column)
                for j, (name, column) in enumerate(zip(self.names, columns, strict=True))
            ]
        )

    def _polars_numbers(self, pl, j, name, column):
        if j not in self.times:
            return pl.Series(name, column)
        dtype, zone = self.times[j]
        if column.dtype == object:  # times of day
            return pl.Series(name, column.tolist(), dtype=pl.Time)
        series = pl.Series(name, column)
        if zone is not None:
            return series.dt.replace_time_zone("UTC").dt.convert_time_zone(zone)
        return series.cast(pl.Date) if dtype == "Date" else series

    def _polars_categories(self, pl, j, name, levels, places):
        values, dtype = [levels[place] for place in places], self.dtypes[j]
        if dtype == "Enum":
            return pl.Series(name, values, dtype=pl.Enum([level for level in levels if level is not None]))
        return pl.Series(name, values, dtype=getattr(pl, dtype, None))


def _array(columns):
    """An array of floats, or of objects if there are categories."""
    if all(isinstance(column, np.ndarray) for column in columns) and len({c.dtype.kind for c in columns}) < 2:
        return np.column_stack(columns)
    values = [c if isinstance(c, np.ndarray) else [c[0][place] for place in c[1]] for c in columns]
    return np.column_stack([np.asarray(column, dtype=object) for column in values])


def _python_dates(column):
    return column.astype("M8[D]").astype(object)


def _type_of_times(column):
    """Name of the type of a column of dates, durations or times, "date" for Python's dates; and its time zone."""
    zone = getattr(column.data.dtype, "tz", getattr(column.data.dtype, "time_zone", None))
    is_date = column.kind == "object" and column.types == {datetime.date}
    return "date" if is_date else str(column.data.dtype), None if zone is None else str(zone)


def _of_type(make, values, dtype):
    """Values in a type, or as the library reads them if it has not that type, or not for what they have become."""
    try:
        return make(values, dtype=dtype)
    except (TypeError, ValueError, NotImplementedError):
        return make(values)
