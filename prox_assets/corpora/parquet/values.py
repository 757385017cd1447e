"""Arrow columns to plain Python values, also those that Python's own types cannot hold.

Arrow's dates reach beyond the year 9999, its times know nanoseconds, its durations are longer than a timedelta, its
time zones need not exist, and its structs may have two fields of one name: `to_pylist` fails on each of them, for a
whole batch. Here a batch is tried at once, and value by value where that fails. What Python cannot hold becomes text.
"""

# pyright: reportAttributeAccessIssue=false
# pyarrow.compute makes its functions when it is imported.

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


def distinct_names(names: Sequence[str]) -> list[str]:
    """Return the names with those that came before numbered: `x`, `x` become `x`, `x_2`.

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
    """Gives the values of one column of a file: structs as dicts, and maps too where their keys allow it.

    A map with keys that are not strings, or that occur twice, comes as pairs.

    Args:
        data_type: The column's type.
        as_text: For timestamps: give them as Arrow writes them, with nine digits of a second.
    """

    def __init__(self, data_type: pa.DataType, *, as_text: bool = False) -> None:
        self._as_text = as_text
        self._one_by_one = _needs_care(data_type)
        # Only where it is needed: a list of numbers takes 25 times as long when this is asked for.
        self._options = {"maps_as_pydicts": "strict"} if _has_map(data_type) else {}

    def values(self, column: pa.Array) -> list[Any]:
        """Return a value per row; where the row holds invalid UTF-8, the UnicodeDecodeError that says so."""
        if self._as_text:
            return _timestamp_texts(column)
        if not self._one_by_one:
            # Arrow raises eight kinds of errors here; each value is looked at below.
            with suppress(Exception):
                return column.to_pylist(**self._options)
        return [_value_or_error(scalar) for scalar in column]


def leaves(array: pa.Array) -> Iterator[pa.Array]:
    """Yield the arrays without children that a nested array is made of; what is below a null is left out."""
    if pa.types.is_struct(array.type):
        for field in array.flatten():
            yield from leaves(field)
    elif is_list(array.type):
        yield from leaves(as_list(array).flatten())
    else:
        yield array


def is_list(data_type: pa.DataType) -> bool:
    """Tell whether a value of the type is a list of any kind, a map included."""
    types = pa.types
    return (
        types.is_list(data_type)
        or types.is_large_list(data_type)
        or types.is_fixed_size_list(data_type)
        or types.is_list_view(data_type)
        or types.is_large_list_view(data_type)
        or types.is_map(data_type)
    )


def is_string(data_type: pa.DataType) -> bool:
    """Tell whether a value of the type is a string, however it is stored."""
    types = pa.types
    return types.is_string(data_type) or types.is_large_string(data_type) or types.is_string_view(data_type)


def is_binary(data_type: pa.DataType) -> bool:
    """Tell whether a value of the type is bytes of any length, however they are stored."""
    types = pa.types
    return types.is_binary(data_type) or types.is_large_binary(data_type) or types.is_binary_view(data_type)


def as_list(array: pa.Array) -> pa.Array:
    """Return a map as the list of structs that it is stored as, other lists as they are; nothing is copied."""
    return array.view(pa.list_(array.type.field(0))) if pa.types.is_map(array.type) else array


def _timestamp_texts(column: pa.Array) -> list[str | None]:
    """Return timestamps as Arrow writes them: the form that those of nanoseconds have had since the first release."""
    unit = column.type.unit
    try:
        texts = pc.cast(column, pa.string())
    except pa.ArrowInvalid:  # a zone that nobody knows; the instants are in UTC all the same
        texts = pc.cast(column.view(pa.timestamp(unit, "UTC")), pa.string())
    # Coarser ones are those of INT96, which know no zone.
    zeros = "0" * (len(str(_PER_SECOND["ns"])) - len(str(_PER_SECOND[unit])))
    return [
        # Past the year 32767 Arrow writes "<value out of range: ...>".
        _value(column[row]) if text is not None and text.startswith("<") else text and text + zeros
        for row, text in enumerate(texts.to_pylist())
    ]


def _needs_care(data_type: pa.DataType) -> bool:
    """Tell whether `to_pylist` may give a wrong value and no error: for keys that JSON lacks, and times past a day."""
    return any(
        pa.types.is_time(inner) or (pa.types.is_map(inner) and not is_string(inner.key_type))
        for inner in _types_in(data_type)
    )


def _has_map(data_type: pa.DataType) -> bool:
    return any(pa.types.is_map(inner) for inner in _types_in(data_type))


def _types_in(data_type: pa.DataType) -> Iterator[pa.DataType]:
    """Yield a type and all that it is made of."""
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
        # Overflow, unknown zones, whatever an extension type raises: the value is looked at without Python's own types.
        return _beyond_python(scalar)


def _map(scalar: pa.MapScalar) -> dict[str, Any] | list[tuple[Any, Any]]:
    entries = scalar.values
    keys = [_value(key) for key in entries.field(0)]
    values = [_value(value) for value in entries.field(1)]
    # JSON objects have strings as keys; and a header that was sent twice is there twice.
    if is_string(scalar.type.key_type) and len(set(keys)) == len(keys):
        return dict(zip(keys, values, strict=True))
    return list(zip(keys, values, strict=True))


def _time(scalar: pa.Time32Scalar | pa.Time64Scalar) -> Any:  # noqa: ANN401
    """Return a time of day; `as_py` takes it modulo a day, and fails on nanoseconds."""
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
    """Return ISO 8601: in its zone as far as Python goes, else in UTC."""
    microseconds, beyond = divmod(value * (1_000_000_000 // _PER_SECOND[unit]), 1_000)
    try:
        text = pa.scalar(microseconds, pa.timestamp("us", zone)).as_py().isoformat(timespec="microseconds")
    except Exception:
        seconds, fraction = divmod(microseconds * 1_000 + beyond, 1_000_000_000)
        day, second = divmod(seconds, _DAY_SECONDS)
        return f"{_day(day)}T{_clock(second * 1_000_000_000 + fraction)}{'+00:00' if zone else ''}"
    # What follows the microseconds is the offset from UTC, if anything.
    head = text.index(".") + 7
    return f"{text[:head]}{beyond:03d}{text[head:]}"


def _day(days: int) -> str:
    """Return the date of a day counted from 1970 on, in the calendar that ISO 8601 extends to every year."""
    cycles, day = divmod(days + _DAYS_TO_1970, _CYCLE_DAYS)
    within = date.fromordinal(day + 1)
    year = within.year + cycles * _CYCLE_YEARS
    sign = "-" if year < 0 else "+" if year > _LAST_YEAR else ""
    return f"{sign}{abs(year):04d}-{within.month:02d}-{within.day:02d}"


def _clock(nanoseconds: int) -> str:
    """Return hours, minutes and seconds as `isoformat` does: six digits of a second, none where they are zero."""
    seconds, fraction = divmod(nanoseconds, 1_000_000_000)
    text = f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    microseconds, beyond = divmod(fraction, 1_000)
    if not fraction:
        return text
    return f"{text}.{microseconds:06d}{f'{beyond:03d}' if beyond else ''}"
