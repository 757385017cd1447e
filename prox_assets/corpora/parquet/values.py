"""Turns Arrow columns into plain Python values, including values that Python's own types cannot hold.

Arrow's dates go beyond the year 9999, its times have nanoseconds, its durations can exceed a timedelta, its time zones
need not exist, and its structs may have two fields with one name: on each of these, `to_pylist` fails for a whole
batch. We try a whole batch first, and fall back to single values. Values that Python cannot hold become text.
"""

# pyright: reportAttributeAccessIssue=false
# pyarrow.compute generates its functions at import time.

from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

_PER_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
_DAY_SECONDS = 86_400
_DAY_MILLISECONDS = _DAY_SECONDS * 1_000
# The calendar repeats after 400 years, which are 146,097 days.
_CYCLE_YEARS, _CYCLE_DAYS = 400, 146_097
_DAYS_TO_1970 = date(1970, 1, 1).toordinal() - 1
_LAST_YEAR = 9_999
_LISTS = (pa.ListType, pa.LargeListType, pa.FixedSizeListType, pa.ListViewType, pa.LargeListViewType, pa.MapType)


def distinct_names(names: Sequence[str]) -> list[str]:
    """Return the names with repeated ones numbered: `x`, `x` become `x`, `x_2`.

    Args:
        names: Names of columns or of a struct's fields, in order.
    """
    taken = set(names)
    if len(taken) == len(names):
        return list(names)
    seen: set[str] = set()
    numbers: dict[str, int] = {}
    result = []
    for name in names:
        unique = name
        while unique in seen or (unique is not name and unique in taken):
            numbers[name] = numbers.get(name, 1) + 1
            unique = f"{name}_{numbers[name]}"
        seen.add(unique)
        result.append(unique)
    return result


class ColumnReader:
    """Reads the values of one column of a file: structs become dicts, and so do maps if their keys allow it.

    A map whose keys are not strings, or occur twice, becomes a list of pairs.

    Args:
        data_type: The column's type.
        as_text: For timestamps: return them as Arrow writes them, with nine fractional digits.
    """

    def __init__(self, data_type: pa.DataType, *, as_text: bool = False) -> None:
        self._as_text = as_text
        self._one_by_one = _needs_care(data_type)
        # Set only if needed: this option makes a list of numbers take 25 times as long.
        self._options = {"maps_as_pydicts": "strict"} if _has_map(data_type) else {}

    def values(self, column: pa.Array) -> list[Any]:
        """Return one value per row; for a row with invalid UTF-8, the UnicodeDecodeError."""
        if self._as_text:
            return _timestamp_texts(column)
        if not self._one_by_one:
            # Arrow raises eight kinds of errors here; the fallback below converts each value by itself.
            with suppress(Exception):
                return column.to_pylist(**self._options)
        return [_value_or_error(scalar) for scalar in column]


def leaves(array: pa.Array) -> Iterator[pa.Array]:
    """Yield the leaf arrays of a nested array, without the values below a null."""
    if pa.types.is_struct(array.type):
        for field in array.flatten():
            yield from leaves(field)
    elif is_list(array.type):
        yield from leaves(as_list(array).flatten())
    else:
        yield array


def is_list(data_type: pa.DataType) -> bool:
    """Tell whether a value of the type is a list of any kind, a map included."""
    return isinstance(data_type, _LISTS)


def is_string(data_type: pa.DataType) -> bool:
    """Tell whether a value of the type is a string, however it is stored."""
    return data_type in (pa.string(), pa.large_string(), pa.string_view())


def is_binary(data_type: pa.DataType) -> bool:
    """Tell whether a value of the type is bytes of any length, however they are stored."""
    return data_type in (pa.binary(), pa.large_binary(), pa.binary_view())


def as_list(array: pa.Array) -> pa.Array:
    """Return a map as its underlying list of structs, and other lists as they are, without copying."""
    return array.view(pa.list_(array.type.field(0))) if pa.types.is_map(array.type) else array


def _timestamp_texts(column: pa.Array) -> list[str | None]:
    """Return timestamps as Arrow writes them, the form that nanosecond timestamps have had since the first release."""
    unit = column.type.unit
    try:
        texts = pc.cast(column, pa.string())
    except pa.ArrowInvalid:  # an unknown time zone; the instants are in UTC all the same
        texts = pc.cast(column.view(pa.timestamp(unit, "UTC")), pa.string())
    # Coarser timestamps come from INT96, which has no time zone.
    zeros = "0" * (len(str(_PER_SECOND["ns"])) - len(str(_PER_SECOND[unit])))
    return [
        # Past the year 32767 Arrow writes "<value out of range: ...>".
        _value(column[row]) if text is not None and text.startswith("<") else text and text + zeros
        for row, text in enumerate(texts.to_pylist())
    ]


def _needs_care(data_type: pa.DataType) -> bool:
    """Tell whether `to_pylist` may silently give a wrong value: for keys that JSON lacks, and times past a day."""
    return any(
        pa.types.is_time(inner) or (pa.types.is_map(inner) and not is_string(inner.key_type))
        for inner in _types_in(data_type)
    )


def _has_map(data_type: pa.DataType) -> bool:
    return any(pa.types.is_map(inner) for inner in _types_in(data_type))


def _types_in(data_type: pa.DataType) -> Iterator[pa.DataType]:
    """Yield a type and all types nested in it."""
    yield data_type
    if isinstance(data_type, pa.BaseExtensionType):
        yield from _types_in(data_type.storage_type)
    for index in range(data_type.num_fields):
        yield from _types_in(data_type.field(index).type)


def _value_or_error(scalar: pa.Scalar) -> Any:  # noqa: ANN401 - a native column can hold anything
    try:
        return _value(scalar)
    except UnicodeDecodeError as error:
        return error


def _value(scalar: Any) -> Any:  # noqa: ANN401
    if scalar is None or not scalar.is_valid:
        return None
    match scalar:
        case pa.StructScalar():
            names = [scalar.type.field(index).name for index in range(scalar.type.num_fields)]
            return {name: _value(scalar[index]) for index, name in enumerate(distinct_names(names))}
        case pa.MapScalar():
            return _map(scalar)
        case pa.ListScalar():
            return [_value(item) for item in scalar.values]
        case pa.Time32Scalar() | pa.Time64Scalar():
            return _time(scalar)
    try:
        return scalar.as_py()
    except UnicodeDecodeError:
        raise
    except Exception:
        # Overflow, unknown time zones, or any error of an extension type: convert without Python's own types.
        return _beyond_python(scalar)


def _map(scalar: pa.MapScalar) -> dict[str, Any] | list[tuple[Any, Any]]:
    entries = scalar.values
    keys = [_value(key) for key in entries.field(0)]
    values = [_value(value) for value in entries.field(1)]
    # JSON objects need string keys, and keys may repeat, such as an HTTP header that was sent twice.
    if is_string(scalar.type.key_type) and len(set(keys)) == len(keys):
        return dict(zip(keys, values, strict=True))
    return list(zip(keys, values, strict=True))


def _time(scalar: pa.Time32Scalar | pa.Time64Scalar) -> Any:  # noqa: ANN401
    """Return a time of day; `as_py` would wrap it at one day, and fail on nanoseconds."""
    per_second = _PER_SECOND[scalar.type.unit]
    nanoseconds = scalar.value * (1_000_000_000 // per_second)
    if 0 <= nanoseconds < _DAY_SECONDS * 1_000_000_000 and nanoseconds % 1_000 == 0:
        return scalar.as_py()
    return f"-{_clock(-nanoseconds)}" if nanoseconds < 0 else _clock(nanoseconds)


def _beyond_python(scalar: Any) -> Any:  # noqa: ANN401
    match scalar:
        case pa.ExtensionScalar():
            return _value(scalar.value)
        case pa.TimestampScalar():
            return _timestamp(scalar.value, scalar.type.unit, scalar.type.tz)
        case pa.Date32Scalar():
            return _day(scalar.value)
        case pa.Date64Scalar():
            return _day(scalar.value // _DAY_MILLISECONDS)
        case pa.DurationScalar():
            return scalar.value / _PER_SECOND[scalar.type.unit]
    return None


def _timestamp(value: int, unit: str, zone: str | None) -> str:
    """Return ISO 8601, in its own time zone if Python can represent it, else in UTC."""
    microseconds, beyond = divmod(value * (1_000_000_000 // _PER_SECOND[unit]), 1_000)
    try:
        text = pa.scalar(microseconds, pa.timestamp("us", zone)).as_py().isoformat(timespec="microseconds")
    except Exception:
        seconds, fraction = divmod(microseconds * 1_000 + beyond, 1_000_000_000)
        day, second = divmod(seconds, _DAY_SECONDS)
        return f"{_day(day)}T{_clock(second * 1_000_000_000 + fraction)}{'+00:00' if zone else ''}"
    # Only the UTC offset, if any, follows the microseconds.
    head = text.index(".") + 7
    return f"{text[:head]}{beyond:03d}{text[head:]}"


def _day(days: int) -> str:
    """Return the date of a day counted from 1970, in ISO 8601's calendar, which extends to every year."""
    cycles, day = divmod(days + _DAYS_TO_1970, _CYCLE_DAYS)
    within = date.fromordinal(day + 1)
    year = within.year + cycles * _CYCLE_YEARS
    sign = "-" if year < 0 else "+" if year > _LAST_YEAR else ""
    return f"{sign}{abs(year):04d}-{within.month:02d}-{within.day:02d}"


def _clock(nanoseconds: int) -> str:
    """Return hours, minutes and seconds as `isoformat` does: six fractional digits, or none if they are zero."""
    seconds, fraction = divmod(nanoseconds, 1_000_000_000)
    text = f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    microseconds, beyond = divmod(fraction, 1_000)
    if not fraction:
        return text
    return f"{text}.{microseconds:06d}{f'{beyond:03d}' if beyond else ''}"
