"""INT96, the timestamps of Spark, Hive and Impala: never a wrong date, and what was right stays as it was."""

from datetime import datetime, timedelta

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from prox_assets_tests.corpora.parquet.parquet_rows import integers, native_values

INT96 = {"use_deprecated_int96_timestamps": True}
NANOSECONDS_REACH = (datetime(1677, 9, 22), datetime(2262, 4, 11))


def texts(folder, values, **options):
    return native_values(folder, pa.array(values, pa.timestamp("us")), **INT96, **options)


def test_dates_that_nanoseconds_cannot_reach_are_right(tmp_path):
    days = [datetime(9999, 12, 31), datetime(1000, 1, 1), None, datetime(2024, 1, 1, 1, 2, 3, 456_789)]
    assert texts(tmp_path, days) == [
        "9999-12-31 00:00:00.000000000",
        "1000-01-01 00:00:00.000000000",
        None,
        "2024-01-01 01:02:03.456789000",
    ]


def test_dates_within_their_reach_keep_every_nanosecond(tmp_path):
    column = integers([1_709_168_523_000_000_001], pa.timestamp("ns"))
    assert native_values(tmp_path, column, **INT96) == ["2024-02-29 01:02:03.000000001"]


def test_a_row_group_with_a_far_date_does_not_change_the_others(tmp_path):
    days = [datetime(2024, 1, 1), datetime(9999, 12, 31), datetime(2024, 1, 2)]
    assert [text[:10] for text in texts(tmp_path, days, row_group_size=1)] == ["2024-01-01", "9999-12-31", "2024-01-02"]


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (253_402_300_800, "10000-01-01 00:00:00.000000000"),
        (1_000_000_000_000, "+33658-09-27T01:46:40"),
        # Past the reach of microseconds.
        (1 << 45, "+1116918-05-14T19:20:32"),
    ],
)
def test_years_of_many_digits_are_right_too(tmp_path, seconds, expected):
    column = integers([seconds, 0], pa.timestamp("s"))
    far, near = native_values(tmp_path, column, **INT96)
    assert far == expected
    assert near == "1970-01-01 00:00:00.000000000"


def test_far_dates_are_right_at_any_depth(tmp_path):
    days = pa.array([datetime(9999, 12, 31), datetime(2024, 1, 1)], pa.timestamp("us"))
    expected = ["9999-12-31T00:00:00", "2024-01-01T00:00:00"]
    names = pa.array(["a", "b"])
    nests = {
        "list": (pa.ListArray.from_arrays([0, 1, 2], days), [[day] for day in expected]),
        "struct": (pa.StructArray.from_arrays([days], names=["at"]), [{"at": day} for day in expected]),
        "map": (
            pa.MapArray.from_arrays([0, 1, 2], names, days),
            [{name: day} for name, day in zip("ab", expected, strict=True)],
        ),
    }
    for column, values in nests.values():
        assert native_values(tmp_path, column, **INT96) == values


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(days=st.lists(st.datetimes(), min_size=1, max_size=4))
def test_any_dates_come_out_as_they_were_written(tmp_path, days):
    read = [datetime.fromisoformat(text) for text in texts(tmp_path, days)]
    assert read == days


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(day=st.sampled_from(NANOSECONDS_REACH), away=st.timedeltas(timedelta(days=-2), timedelta(days=2)))
def test_dates_where_the_reach_of_nanoseconds_ends_are_right(tmp_path, day, away):
    assert [datetime.fromisoformat(text) for text in texts(tmp_path, [day + away])] == [day + away]
