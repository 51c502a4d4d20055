"""Go's texts: the expected ones were written by Go."""

import pytest

from observatory import go_format


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("1.2ms", 1_200_000),
        ("1h30m", 5_400 * 10**9),
        ("-2us", -2_000),
        ("+3ns", 3),
        ("0", 0),
        (".5s", 5 * 10**8),
        ("1.s", 10**9),
        ("7µs", 7_000),
    ],
)
def test_durations_are_read(text, ns):
    """What time.ParseDuration reads is read."""
    assert ns == go_format.parse_duration(text)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", 'invalid duration ""'),
        ("x", 'invalid duration "x"'),
        ("5", 'missing unit in duration "5"'),
        ("5x", 'unknown unit "x" in duration "5x"'),
        ("1d", 'unknown unit "d" in duration "1d"'),
        ("9" * 30 + "h", "invalid duration"),
        ("9" * 5000 + "h", "invalid duration|missing unit"),
    ],
)
def test_what_is_no_duration_is_named(text, complaint):
    """What it does not read is refused in its words."""
    with pytest.raises(ValueError, match=complaint):
        go_format.parse_duration(text)


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (0, "0s"),
        (1, "1ns"),
        (1_500, "1.5µs"),
        (17_250_000, "17.25ms"),
        (-8_382_967, "-8.382967ms"),
        (10**9, "1s"),
        (60 * 10**9, "1m0s"),
        (3_600 * 10**9 + 500_000_000, "1h0m0.5s"),
    ],
)
def test_durations_are_written(ns, text):
    """Durations look as Go prints them."""
    assert text == go_format.duration(ns)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (3.0, "3"),
        (-0.0, "-0"),
        (0.5, "0.5"),
        (123456.789, "123456.789"),
        (1e-5, "0.00001"),
        (1.25e-6, "0.00000125"),
        (1e-7, "1e-7"),
        (-1.5e-9, "-1.5e-9"),
        (1e20, "100000000000000000000"),
        (1e21, "1e+21"),
    ],
)
def test_floats_are_written(value, text):
    """Floats look as encoding/json prints them."""
    assert text == go_format.number(value)


def test_json_is_written():
    """Keys sorted, no spaces, HTML's signs and the line separators escaped, the rest of Unicode as it is."""
    value = {"b": [None, True, b"\x00\xff"], "a": '<ü>&\u2028\n"'}
    assert go_format.json_text(value) == '{"a":"\\u003cü\\u003e\\u0026\\u2028\\n\\"","b":[null,true,"AP8="]}'


def test_times_are_written():
    """Times look as Go prints them, without trailing zeros."""
    assert go_format.utc_time(1_790_000_000_065_000_000) == "2026-09-21 14:13:20.065 +0000 UTC"
    assert go_format.utc_time(0) == "1970-01-01 00:00:00 +0000 UTC"
    assert go_format.utc_time(2**64 - 1).startswith("2554-07-21")


@pytest.mark.parametrize("text", ["", "1.0", "1_000", "٣", "9223372036854775808", "9" * 5000])
def test_what_is_no_integer_is_refused(text):
    """Only what Go takes is taken: no underscores, no other scripts' digits, no more than 64 bits."""
    with pytest.raises(ValueError, match=r"strconv\.ParseInt: parsing .*: (invalid syntax|value out of range)"):
        go_format.parse_int(text)
