"""Native columns of Parquet: what Python's types hold comes as ever, what they do not comes as text, never wrong."""

import json
import uuid
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from prox_assets.corpora.document import Document, Reject
from prox_assets.corpora.parquet.values import ColumnReader, distinct_names
from prox_assets.corpora.rows import json_safe
from prox_assets_tests.corpora.parquet.parquet_rows import integers, native_values, table_of
from prox_assets_tests.corpora.raw_files import documents_of, read_all, source_of

YEAR_10001 = 253_436_860_800
NS = 1_700_000_000_123_456_789
MARS = "Mars/Olympus"

BEYOND_PYTHON = [
    (pa.date32(), 2_933_300, "+10001-02-07"),
    (pa.date32(), -719_529, "-0001-12-31"),
    (pa.date32(), -719_163, "0000-12-31"),
    (pa.date32(), (1 << 31) - 1, "+5881580-07-11"),
    (pa.date64(), YEAR_10001 * 1_000, "+10001-02-04"),
    (pa.timestamp("s"), YEAR_10001, "+10001-02-04T00:00:00"),
    (pa.timestamp("ms"), YEAR_10001 * 1_000 + 7, "+10001-02-04T00:00:00.007000"),
    (pa.timestamp("us"), YEAR_10001 * 1_000_000 + 1, "+10001-02-04T00:00:00.000001"),
    (pa.timestamp("us"), -62_135_596_800_000_001, "0000-12-31T23:59:59.999999"),
    (pa.timestamp("us", "UTC"), YEAR_10001 * 1_000_000, "+10001-02-04T00:00:00+00:00"),
    (pa.timestamp("us", "Asia/Tokyo"), 253_402_300_799_000_000, "9999-12-31T23:59:59+00:00"),
    (pa.timestamp("us", MARS), 1, "1970-01-01T00:00:00.000001+00:00"),
    (pa.timestamp("us", "+99:99"), 0, "1970-01-01T00:00:00+00:00"),
    (pa.timestamp("us", "../../etc/passwd"), 0, "1970-01-01T00:00:00+00:00"),
    (pa.timestamp("s"), (1 << 63) - 1, "+292277026596-12-04T15:30:07"),
    (pa.time64("ns"), 1_234_567_891, "00:00:01.234567891"),
    (pa.time64("ns"), 1_234_567_000, "00:00:01.234567"),
    (pa.time32("s"), 86_400, "24:00:00"),
    (pa.time32("ms"), 90_000_500, "25:00:00.500000"),
    (pa.time64("us"), -1, "-00:00:00.000001"),
    (pa.duration("s"), 1 << 62, float(1 << 62)),
    (pa.duration("ns"), 1_500_000_001, 1.500000001),
]


def arrays_around(column: pa.Array) -> dict[str, tuple[pa.Array, object]]:
    """Return the column's one value in each kind of nest, with how it is to come out, "V" standing for the value."""
    # A parent of one child: Arrow's constructors take arrays, not values that Python cannot hold.
    listed = pa.ListArray.from_arrays([0, 1], column)
    return {
        "plain": (column, "V"),
        "list": (listed, ["V"]),
        "large list": (pa.LargeListArray.from_arrays(pa.array([0, 1], pa.int64()), column), ["V"]),
        "fixed list": (pa.FixedSizeListArray.from_arrays(column, 1), ["V"]),
        "list view": (pa.ListViewArray.from_arrays([0], [1], column), ["V"]),
        "struct": (pa.StructArray.from_arrays([column], names=["at"]), {"at": "V"}),
        "map": (pa.MapArray.from_arrays([0, 1], pa.array(["at"]), column), {"at": "V"}),
        "map key": (pa.MapArray.from_arrays([0, 1], column, pa.array(["at"])), [["V", "at"]]),
        "list of lists of structs": (
            pa.ListArray.from_arrays([0, 1], pa.StructArray.from_arrays([listed], names=["at"])),
            [{"at": ["V"]}],
        ),
    }


@pytest.mark.parametrize(("data_type", "value", "expected"), BEYOND_PYTHON, ids=str)
def test_what_python_cannot_hold_becomes_text_at_any_depth(data_type, value, expected):
    column = integers([value], data_type)
    for kind, (array, shape) in arrays_around(column).items():
        reader = ColumnReader(array.type)
        found = json.loads(json.dumps(json_safe(reader.values(array)[0])))
        assert found == json.loads(json.dumps(shape).replace('"V"', json.dumps(expected))), kind


@pytest.mark.parametrize(
    ("data_type", "value"),
    [
        (pa.date32(), 2_933_300),
        (pa.timestamp("us"), YEAR_10001 * 1_000_000),
        (pa.timestamp("us", MARS), 1),
        (pa.time64("ns"), 1_234_567_891),
        (pa.duration("s"), 1 << 62),
    ],
    ids=str,
)
def test_such_a_value_in_a_file_costs_no_row(tmp_path, data_type, value):
    for array, _ in arrays_around(integers([0, value, None], data_type).slice(1, 1)).values():
        assert len(native_values(tmp_path, array)) == 1
    first, beyond, none = native_values(tmp_path, integers([0, value, None], data_type))
    assert first != beyond
    assert none is None


@pytest.mark.parametrize("zone", [None, "UTC", "Europe/Berlin", "+05:30"])
def test_nanoseconds_are_kept_in_the_form_that_they_have_had(tmp_path, zone):
    column = integers([NS, 1_000], pa.timestamp("ns", zone))
    ends = {None: "", "UTC": "Z", "Europe/Berlin": "+0100", "+05:30": "+0530"}
    hours = {None: 22, "UTC": 22, "Europe/Berlin": 23, "+05:30": 3}
    first, _ = native_values(tmp_path, column)
    assert first.endswith(f" {hours[zone]:02d}:{'43' if zone == '+05:30' else '13'}:20.123456789{ends[zone]}")
    structs = pa.StructArray.from_arrays([column], names=["at"])
    first, second = native_values(tmp_path, structs)
    offset = {None: "", "UTC": "+00:00", "Europe/Berlin": "+01:00", "+05:30": "+05:30"}[zone]
    assert first["at"].endswith(f"20.123456789{offset}")
    assert second["at"].endswith(f".000001{offset}")


def test_nanoseconds_of_an_unknown_zone_are_shown_in_utc(tmp_path):
    column = integers([NS, None], pa.timestamp("ns", MARS))
    assert native_values(tmp_path, column) == ["2023-11-14 22:13:20.123456789Z", None]


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (pa.array([date(1, 1, 1), date(9999, 12, 31)]), ["0001-01-01", "9999-12-31"]),
        (pa.array([date(2024, 2, 29)], pa.date64()), ["2024-02-29"]),
        (pa.array([datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59, 999_999)]), None),
        (pa.array([datetime(2024, 1, 1, tzinfo=UTC)], pa.timestamp("ms", "UTC")), ["2024-01-01T00:00:00+00:00"]),
        (pa.array([0], pa.int64()).view(pa.timestamp("us", "America/New_York")), ["1969-12-31T19:00:00-05:00"]),
        (pa.array([time(0), time(23, 59, 59, 999_999)]), ["00:00:00", "23:59:59.999999"]),
        (pa.array([timedelta(days=-1, microseconds=1)]), [-86_399.999999]),
        (pa.array([Decimal("1.20")], pa.decimal256(70, 2)), ["1.20"]),
        (pa.array([1.5, float("nan")], pa.float16()), [1.5, None]),
        (pa.array(["a", None], pa.string_view()), ["a", None]),
        (pa.array([b"a", b"\xff\x00"], pa.binary_view()), ["a", "/wA="]),
        (pa.array([b"ab"], pa.binary(2)), ["ab"]),
        (pa.array([[1, None], None], pa.list_view(pa.int64())), [[1, None], None]),
        (pa.array([[1, 2], None], pa.list_(pa.int64(), 2)), [[1, 2], None]),
        (pa.array(["b", None, "a"]).dictionary_encode(), ["b", None, "a"]),
        (pa.array([5, 6]).dictionary_encode(), [5, 6]),
        (pa.nulls(2), [None, None]),
        (pa.array([{"a": None}, None], pa.struct([("a", pa.null())])), [{"a": None}, None]),
        (pa.ExtensionArray.from_storage(pa.uuid(), pa.array([bytes(16)], pa.binary(16))), [str(uuid.UUID(int=0))]),
        (pa.ExtensionArray.from_storage(pa.json_(), pa.array(['{"a": 1}'])), ['{"a": 1}']),
    ],
    ids=lambda value: str(value.type) if isinstance(value, pa.Array) else "",
)
def test_what_python_holds_comes_as_it_always_has(tmp_path, column, expected):
    if expected is None:
        expected = [value.isoformat() for value in column.to_pylist()]
    assert native_values(tmp_path, column) == expected


ANY_VALUES = {
    pa.date32(): st.integers(-(1 << 31), (1 << 31) - 1),
    pa.timestamp("s"): st.integers(-(1 << 63), (1 << 63) - 1),
    pa.timestamp("us"): st.integers(-(1 << 63), (1 << 63) - 1),
    pa.timestamp("us", "Asia/Tokyo"): st.integers(-(1 << 63), (1 << 63) - 1),
    pa.timestamp("ns", MARS): st.integers(-(1 << 63), (1 << 63) - 1),
    pa.time32("ms"): st.integers(-(1 << 31), (1 << 31) - 1),
    pa.time64("ns"): st.integers(-(1 << 63), (1 << 63) - 1),
    pa.duration("us"): st.integers(-(1 << 63), (1 << 63) - 1),
}


@pytest.mark.parametrize("data_type", ANY_VALUES, ids=str)
@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_every_number_is_some_value_that_json_holds(data_type, data):
    value = data.draw(ANY_VALUES[data_type])
    column = pa.StructArray.from_arrays([integers([value, None], data_type)], names=["at"])
    first, second = json_safe(ColumnReader(column.type).values(column))
    assert first["at"] is not None
    assert second == {"at": None}
    json.dumps(first, allow_nan=False)


@settings(max_examples=300)
@given(days=st.integers(date.min.toordinal(), date.max.toordinal()))
@example(date.min.toordinal())
def test_dates_beyond_python_go_on_where_its_own_end(days):
    cycle = 146_097
    day = date.fromordinal(days)
    shifted = days - date(1970, 1, 1).toordinal() + 25 * cycle
    column = integers([shifted], pa.date32())
    [text] = json_safe(ColumnReader(column.type).values(column))
    assert text == f"+{day.year + 10_000:05d}-{day.month:02d}-{day.day:02d}"


def test_one_value_beyond_python_leaves_its_neighbours_what_they_are(tmp_path):
    times = [0, 1, YEAR_10001, *range(2, 30)]
    column = pa.StructArray.from_arrays([integers(times, pa.timestamp("s"))], names=["at"])
    alone = native_values(tmp_path, column.filter(pa.array([value != YEAR_10001 for value in times])))
    together = native_values(tmp_path, column)
    assert [value for value in together if not value["at"].startswith("+")] == alone


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string()])
def test_maps_with_strings_as_keys_are_objects_wherever_they_are(tmp_path, kind):
    maps = pa.array([[("a", 1), ("b", None)], [], None], pa.map_(kind, pa.int64()))
    expected = [{"a": 1, "b": None}, {}, None]
    assert native_values(tmp_path, maps) == expected
    assert native_values(tmp_path, pa.ListArray.from_arrays([0, 2, 3], maps)) == [expected[:2], expected[2:]]
    assert native_values(tmp_path, pa.StructArray.from_arrays([maps], names=["m"])) == [{"m": m} for m in expected]
    within = pa.MapArray.from_arrays([0, 1, 3], pa.array(["x", "y", "z"]), maps)
    assert native_values(tmp_path, within) == [{"x": expected[0]}, {"y": {}, "z": None}]


def test_a_map_that_has_a_key_twice_stays_pairs_and_loses_nothing(tmp_path):
    headers = [[("Set-Cookie", "a"), ("Set-Cookie", "b")], [("Server", "x")]]
    maps = pa.array(headers, pa.map_(pa.string(), pa.string()))
    assert native_values(tmp_path, maps) == [[["Set-Cookie", "a"], ["Set-Cookie", "b"]], {"Server": "x"}]


@pytest.mark.parametrize("key_type", [pa.int64(), pa.binary(), pa.date32(), pa.bool_()])
def test_a_map_whose_keys_are_no_strings_stays_pairs(tmp_path, key_type):
    keys = pa.array([0, 1], pa.int32())
    keys = keys.cast(pa.string()).cast(key_type) if key_type == pa.binary() else keys.cast(key_type)
    maps = pa.MapArray.from_arrays([0, 2, 2], keys, pa.array(["x", "y"]))
    first, empty = native_values(tmp_path, maps)
    assert [value for _, value in first] == ["x", "y"]
    assert empty == []


def test_a_url_inside_a_map_is_found(tmp_path):
    headers = pa.array([[("WARC-Target-URI", "https://m.example/")]], pa.map_(pa.string(), pa.string()))
    pq.write_table(pa.table({"text": ["x"], "warcinfo": ["w"], "metadata": headers}), tmp_path / "a.parquet")
    assert documents_of(source_of(tmp_path / "a.parquet"))[0].url == "https://m.example/"


def test_columns_of_one_name_are_numbered(tmp_path):
    names = ["x", "text", "x", "x_2", "x"]
    pq.write_table(
        pa.Table.from_arrays([pa.array([value]) for value in (1, "t", 2, 3, 4)], names), tmp_path / "a.parquet"
    )
    (document,) = documents_of(source_of(tmp_path / "a.parquet"))
    assert json.loads(document.metadata) == {"x": 1, "x_3": 2, "x_2": 3, "x_4": 4}


def test_fields_of_one_name_in_a_struct_are_numbered(tmp_path):
    structs = pa.StructArray.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"])
    assert native_values(tmp_path, structs) == [{"a": 1, "a_2": 2}]


@given(st.lists(st.text(alphabet="ab_2", min_size=1, max_size=3), max_size=30))
def test_numbered_names_are_distinct_and_the_first_of_each_keeps_its_own(names):
    numbered = distinct_names(names)
    assert len(set(numbered)) == len(names)
    assert all(numbered[names.index(name)] == name for name in names)


def test_a_hundred_thousand_columns_of_one_name_are_numbered_soon():
    assert distinct_names(["x"] * 100_000)[-1] == "x_100000"


def invalid() -> pa.Array:
    """Return two strings of which the first is not UTF-8."""
    return pa.array([b"caf\xe9", b"fine"], pa.binary()).view(pa.string())


@pytest.mark.parametrize("where", ["text", "lang"])
@pytest.mark.parametrize(
    "column",
    [invalid(), pa.DictionaryArray.from_arrays(pa.array([0, 1]), invalid())],
    ids=["plain", "dictionary"],
)
def test_invalid_utf8_costs_one_row_however_the_column_is_stored(tmp_path, where, column):
    pq.write_table(pa.table({"text": ["one", "two"], "lang": ["x", "y"], where: column}), tmp_path / "a.parquet")
    reject, document = read_all(source_of(tmp_path / "a.parquet"))
    assert isinstance(reject, Reject)
    assert reject.reason == "invalid_utf8"
    assert isinstance(document, Document)


def test_invalid_utf8_deep_in_a_column_costs_one_row(tmp_path):
    words = pa.DictionaryArray.from_arrays(pa.array([0, 1]), invalid())
    nests = [
        pa.ListArray.from_arrays([0, 1, 2], words),
        pa.StructArray.from_arrays([words], names=["a"]),
        pa.MapArray.from_arrays([0, 1, 2], pa.array(["a", "b"]), words),
        pa.MapArray.from_arrays([0, 1, 2], invalid(), pa.array(["a", "b"])),
        # Where another value makes the batch be read value by value.
        pa.StructArray.from_arrays([words, integers([0, 1 << 40], pa.timestamp("s"))], names=["a", "at"]),
    ]
    for nest in nests:
        pq.write_table(table_of(nest), tmp_path / "a.parquet")
        reject, document = read_all(source_of(tmp_path / "a.parquet"))
        assert isinstance(reject, Reject)
        assert reject.reason == "invalid_utf8"
        assert isinstance(document, Document)
