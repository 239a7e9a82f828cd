"""Dates, durations and times of day: numbers of a unit that stays, whatever type and resolution they come in."""

import datetime as dt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from table_data import encode

from rfmlearn import AGOPFeatureMap, RFMRegressor, average_gradient_outer_product
from rfmlearn.gradients import input_gradients
from rfmlearn.tables._dates import days, days_of_objects, from_days
from rfmlearn.tables._encoder import ColumnEncoder
from rfmlearn.tables._frames import check_table

N = 60
DAYS = np.datetime64("2019-02-27") + np.arange(N) * 23 % 700


def numpy_tables():
    """The same dates in arrays and lists."""
    python = DAYS.tolist()
    return {
        **{unit: DAYS.astype(f"M8[{unit}]")[:, None] for unit in ("D", "h", "s", "ms", "us", "ns")},
        "big-endian": DAYS.astype(">M8[s]")[:, None],
        "objects": np.array([[day] for day in python], dtype=object),
        "list": [[day] for day in python],
        "scalars": np.array([[day] for day in [*DAYS, None]], dtype=object)[:-1],
    }


def pandas_tables():
    pd = pytest.importorskip("pandas")
    stamps, python = pd.Series(DAYS.astype("M8[ns]")), DAYS.tolist()
    utc = [dt.datetime(day.year, day.month, day.day, tzinfo=dt.UTC) for day in python]
    columns = {
        **{unit: stamps.astype(f"M8[{unit}]") for unit in ("s", "ms", "us", "ns")},
        "zone": stamps.dt.tz_localize("UTC").dt.tz_convert("Asia/Tokyo"),
        "period": stamps.dt.to_period("D"),
        "objects": pd.Series(python, dtype=object),
        "aware": pd.Series(utc, dtype=object),
    }
    return {name: pd.DataFrame({"x0": column}) for name, column in columns.items()}


def polars_tables():
    pl = pytest.importorskip("polars")
    X = pl.DataFrame({"x0": DAYS.tolist()})
    zone = X.cast(pl.Datetime("us")).with_columns(pl.col("x0").dt.replace_time_zone("UTC"))
    return {"date": X, "ms": X.cast(pl.Datetime("ms")), "ns": X.cast(pl.Datetime("ns")), "zone": zone}


def arrow_tables():
    pa = pytest.importorskip("pyarrow")
    types = [pa.date32(), pa.date64(), pa.timestamp("ms"), pa.timestamp("ns", "UTC")]
    return {str(kind): pa.table({"x0": pa.array(DAYS.tolist()).cast(kind)}) for kind in types}


@pytest.mark.parametrize("tables", [numpy_tables, pandas_tables, polars_tables, arrow_tables])
@pytest.mark.filterwarnings("ignore:X (has|does not have)")
def test_dates_are_days_since_1970(tables):
    expected = DAYS.astype(float)[:, None]
    reference = ColumnEncoder(scaling=None).fit(DAYS[:, None])
    for name, X in tables().items():
        Z, encoder = encode(X, scaling=None)
        assert_array_equal(Z, expected, err_msg=name)
        assert encoder.coordinate_names_ == ["x0"]
        assert_array_equal(reference.transform(check_table(X)).dense(), expected, err_msg=name)


def test_arrow_types_in_pandas(pd):
    pa = pytest.importorskip("pyarrow")
    for kind in (pa.date32(), pa.timestamp("us"), pa.timestamp("s", "UTC")):
        X = pd.DataFrame({"d": pd.array([DAYS[0].item(), None, DAYS[2].item()], dtype=pd.ArrowDtype(kind))})
        assert_array_equal(ColumnEncoder(None).fit(X)._numeric_block.indicated, [0])
        assert_array_equal(encode(X, scaling=None)[0][[0, 2], 0], DAYS[[0, 2]].astype(float))


def test_durations_and_times_of_day(pd, pl):
    hours = [1.5, 30.0, 7.25]
    waits, times = [dt.timedelta(hours=h) for h in hours], [dt.time(h) for h in (6, 12, 18)]
    for X in (pd.DataFrame({"w": waits, "t": times}), pl.DataFrame({"w": waits, "t": times})):
        Z, encoder = encode(X, scaling=None)
        assert_allclose(Z, np.column_stack([np.array(hours) / 24, [0.25, 0.5, 0.75]]))
        back = encoder.inverse_transform(Z)
        assert back["t"].to_list() == times
        assert [pd.Timedelta(value) for value in back["w"]] == [pd.Timedelta(value) for value in waits]
    Z, _ = encode(np.array([[1], [36]], dtype="m8[h]"), scaling=None)
    assert_allclose(Z, [[1 / 24], [1.5]])
    with pytest.raises(ValueError, match=r"'x0': durations of dtype timedelta64\[M\] have no length"):
        encode(np.array([[1], [36]], dtype="m8[M]"))


def test_gaps_in_dates(pd):
    X = pd.DataFrame({"d": [pd.Timestamp("2020-01-01"), pd.NaT, pd.Timestamp("2020-01-03")]})
    for table in (X, X.astype(object), X.to_numpy()):
        Z, encoder = encode(table, scaling="standard")
        assert encoder.coordinate_names_[0] in ("d", "x0") and len(encoder.coordinate_names_) == 2
        assert_allclose(Z, [[-1, 0], [0, 1], [1, 0]], atol=1e-12)
    encoder = ColumnEncoder("standard").fit(X)
    for empty in ([None, None], [np.nan, np.nan], [pd.NaT, pd.NaT]):
        assert_allclose(encoder.transform(pd.DataFrame({"d": empty})).dense(), [[0, 1], [0, 1]])


@given(st.datetimes(dt.datetime(1, 1, 2), dt.datetime(9999, 12, 30)))
def test_days_go_there_and_back(moment):
    numbers = days_of_objects([moment, None], "date")
    there, gap = from_days(numbers, "date").tolist()
    assert gap is None
    # Near the year 9999 a double holds days to 0.04 seconds.
    assert abs(there - moment) <= dt.timedelta(seconds=abs(numbers[0]) * 2**-52 * 86_400 + 2e-6)


@given(st.integers(-(2**40), 2**40), st.sampled_from(["s", "ms", "us", "ns"]))
def test_resolution_does_not_matter(count, unit):
    moment = np.array([count]).astype(f"M8[{unit}]")
    finer = {"s": "ms", "ms": "us", "us": "ns", "ns": "ns"}[unit]
    if unit == "us" and abs(count) > 2**53:
        return
    assert_allclose(days(moment), days(moment.astype(f"M8[{finer}]")), rtol=1e-15)


def test_dates_come_back_as_they_were(pd, pl):
    python = DAYS[:3].tolist()
    stamps = pd.Series(DAYS[:3].astype("M8[ns]"))
    X = pd.DataFrame({"d": stamps, "z": stamps.dt.tz_localize("UTC").dt.tz_convert("Asia/Tokyo")})
    X["o"] = pd.Series(python, dtype=object)
    X["p"] = stamps.dt.to_period("M")
    Z, encoder = encode(X)
    pd.testing.assert_frame_equal(encoder.inverse_transform(Z), X)
    X = pl.DataFrame({"d": python, "t": pl.Series(python).cast(pl.Datetime("us", "Asia/Tokyo"))})
    Z, encoder = encode(X)
    assert encoder.inverse_transform(Z).equals(X)
    for X in (DAYS[:3, None], np.array([[day, "a"] for day in python], dtype=object)):
        Z, encoder = encode(X)
        back = encoder.inverse_transform(Z)
        assert back.dtype == X.dtype
        assert_array_equal(back, X)


def test_dates_far_outside_come_back_at_the_ends(pd):
    _, encoder = encode(pd.DataFrame({"d": pd.to_datetime(["2020-01-01", "2020-01-02"])}))
    back = encoder.inverse_transform(np.array([[-1e12], [1e12]]))
    assert [str(value)[:4].strip("-") for value in back["d"].to_numpy()] == ["0001", "9999"]


def test_dates_can_be_categories(pd, pl):
    day = dt.datetime(2020, 1, 1)
    for X in (pd.DataFrame({"when": [day, None]}), pl.DataFrame({"when": [day, None]})):
        assert encode(X, categorical_features=["when"])[1].levels_ == [[day, None]]
    X = pd.DataFrame({"when": DAYS[:3]})
    encoder = ColumnEncoder(categorical_features=["when"]).fit(X)
    for same in (X.astype("M8[ns]"), X.astype(str), X.astype(object)):
        assert_array_equal(encoder.transform(same).dense(), np.eye(3)[np.argsort(np.argsort(DAYS[:3]))])


@pytest.mark.parametrize("given_as", ["numbers", "text", "durations"])
def test_what_is_no_date_later_is_refused(given_as, pd):
    model = RFMRegressor(max_iter=0).fit(pd.DataFrame({"d": DAYS}), np.arange(N))
    later = {"numbers": [1.0, 2.0], "text": ["2020-01-01", "soon"], "durations": pd.to_timedelta([1, 2], unit="D")}
    with pytest.raises(ValueError, match=f"'d' held dates in fit, but holds {given_as} now"):
        model.predict(pd.DataFrame({"d": later[given_as]}))


def test_dates_where_there_were_numbers_are_refused(pd):
    model = RFMRegressor(max_iter=0).fit(pd.DataFrame({"d": np.arange(N)}), np.arange(N))
    with pytest.raises(ValueError, match=r"'d' held numbers in fit, but holds dates now, such as '2019-02-27"):
        model.predict(pd.DataFrame({"d": DAYS}))


def test_text_of_dates_is_read(pd):
    X = pd.DataFrame({"d": DAYS})
    model = RFMRegressor(max_iter=0).fit(X, np.arange(N))
    for same in (
        X.astype(str),
        X["d"].dt.strftime("%Y-%m-%d %H:%M:%S").to_frame(),
        X["d"].astype(str).to_frame() + "T00",
    ):
        assert_array_equal(model.predict(same), model.predict(X))


def test_models_learn_from_dates(pd):
    y = np.sin(DAYS.astype(float) / 60)
    X = pd.DataFrame({"d": DAYS, "noise": np.random.default_rng(0).normal(size=N)})
    model = RFMRegressor().fit(X, y)
    assert model.score(X, y) > 0.95 and model.feature_importances_[0] > 0.9
    by_day = input_gradients(model, X, features=["d"])[0, :, 0]
    later = model.predict(X.assign(d=X["d"] + pd.Timedelta("30s")))
    earlier = model.predict(X.assign(d=X["d"] - pd.Timedelta("30s")))
    assert_allclose(by_day, (later - earlier) * 1440, rtol=1e-2, atol=1e-3 * np.abs(by_day).max())
    with pytest.raises(ValueError, match="'d' holds dates or times, which differences do not move"):
        average_gradient_outer_product(model, X, method="differences")
    learned = AGOPFeatureMap().fit(X, y)
    pd.testing.assert_frame_equal(learned.inverse_transform(learned.transform(X)), X)
