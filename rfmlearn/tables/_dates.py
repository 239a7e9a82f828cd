"""Dates, durations and times of day as numbers of days, there and back.

Dates count from 1970-01-01 in UTC, times of day from midnight. The unit is the same whatever the resolution is.
"""

from __future__ import annotations

import datetime
import re

import numpy as np

# What the numbers of a column may measure besides numbers.
TIMES = ("date", "duration", "time")
_CODES = {"date": "M8[us]", "duration": "m8[us]", "time": "m8[us]"}
_PER_DAY = {"h": 24, "m": 1440, "s": 86_400} | {
    unit: 86_400 * 1000**power for power, unit in enumerate(["ms", "us", "ns", "ps", "fs", "as"], start=1)
}
_US = _PER_DAY["us"]
_FIRST, _LAST = -719_162, 2_932_896  # the years 1 to 9999, beyond which Python has no date
_MIDNIGHT = datetime.datetime(1970, 1, 1)


def days(array):
    """Numbers of days that an array of datetime64 or timedelta64 means, NaN for NaT."""
    unit, count = np.datetime_data(array.dtype)
    if unit in ("Y", "M", "W") and array.dtype.kind == "M":
        array, unit, count = array.astype("M8[D]"), "D", 1
    if unit in ("Y", "M"):
        raise ValueError(f"durations of dtype {array.dtype} have no length in days.")
    per_day = {"D": 1.0, "W": 1 / 7, "generic": 1.0}.get(unit) or _PER_DAY[unit]
    numbers = array.astype(np.int64).astype(np.float64) * count / per_day
    numbers[np.isnat(array)] = np.nan
    return numbers


def days_of_column(data, kind):
    """Numbers of days that a typed column means; None where Python objects have to be made of it."""
    if isinstance(data, np.ndarray):
        return days(data)
    if hasattr(data, "to_physical"):  # polars
        unit = getattr(data.dtype, "time_unit", None) or ("D" if kind == "date" else "ns")
        return data.to_physical().cast(float).to_numpy() / (1.0 if unit == "D" else _PER_DAY[unit])
    name = str(data.dtype).lower()
    if name.startswith("period"):
        return days(data.dt.to_timestamp().to_numpy())
    if re.match("date(32|64)|time(32|64)", name):  # of Arrow, in pandas
        return None
    # With a time zone, or of Arrow.
    return days(data.to_numpy(_CODES[kind], na_value=np.array("NaT", dtype=_CODES[kind])[()]))


def days_of_objects(values, measure):
    """Numbers of days that Python's dates, durations or times mean, NaN for None."""
    return days(np.array([_naive(value, measure) for value in values], dtype=_CODES[measure]))


def _naive(value, measure):
    """What numpy takes for a value."""
    if value is None or isinstance(value, (np.datetime64, np.timedelta64)):
        return value
    if measure == "time":
        return datetime.datetime.combine(_MIDNIGHT, value.replace(tzinfo=None)) - _MIDNIGHT
    if getattr(value, "tzinfo", None) is not None:
        return value.astimezone(datetime.UTC).replace(tzinfo=None)
    return value


def measure_of(kind):
    """What values of a Python type measure; None if they are neither dates nor durations nor times."""
    if issubclass(kind, (datetime.timedelta, np.timedelta64)):
        return "duration"
    if issubclass(kind, (datetime.date, np.datetime64)):
        return "date"
    return "time" if issubclass(kind, datetime.time) else None


def from_days(numbers, measure):
    """Dates as datetime64, durations as timedelta64, times of day as objects, to the microsecond; NaN is missing."""
    low, high = {"date": (_FIRST, _LAST), "duration": (-1e8, 1e8), "time": (0.0, 1 - 0.5 / _US)}[measure]
    whole = np.rint(np.clip(np.nan_to_num(numbers), low, high) * _US)
    if measure == "time":
        whole = np.minimum(whole, _US - 1)
    array = whole.astype(np.int64).view(_CODES[measure])
    array[np.isnan(numbers)] = "NaT"
    if measure != "time":
        return array
    times = [None if value is None else (_MIDNIGHT + value).time() for value in array.tolist()]
    return np.fromiter(times, dtype=object, count=len(times))
