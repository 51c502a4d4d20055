import pytest

from observatory.jaeger import parse_duration
from observatory.query import parse_integer


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
def test_durations_are_parsed(text, ns):
    assert parse_duration(text) == ns


@pytest.mark.parametrize("text", ["", "x", "5", "5x", "1d", "1.5h5", "9" * 30 + "h", "9" * 5000 + "h"])
def test_invalid_durations_raise_value_error(text):
    with pytest.raises(ValueError, match="is not a duration"):
        parse_duration(text)


@pytest.mark.parametrize("text", ["", "1.0", "1_000", "٣", "9223372036854775808", "9" * 5000])
def test_only_decimal_integers_of_64_bits_are_parsed(text):
    with pytest.raises(ValueError, match=r"is not an integer|does not fit into 64 bits"):
        parse_integer(text)
