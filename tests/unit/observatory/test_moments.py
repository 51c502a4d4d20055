"""Points in time are read in any notation and written in one."""

import pytest

from observatory import moments

START_NS = 1_790_000_000_000_000_000


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1790000000", START_NS),
        ("1790000000.5", START_NS + 500_000_000),
        ("1790000000.0000000019", START_NS + 1),
        ("1790000000000", START_NS),
        ("1790000000000.25", START_NS + 250_000),
        ("1790000000000000", START_NS),
        ("1790000000000001.5", START_NS + 1_500),
        ("1790000000000000001", START_NS + 1),
        ("1.79e9", START_NS),
        ("1.790000000000000001E+18", START_NS + 1),
        ("0", 0),
        ("5e-324", 0),
        ("2026-09-21T14:13:20Z", START_NS),
        ("2026-09-21 14:13:20.000000001Z", START_NS + 1),
        ("2026-09-21T16:13:20.5+02:00", START_NS + 500_000_000),
        ("2026-09-21T16:13:20 02:00", START_NS),
        ("2026-09-21T12:13:20-02:00", START_NS),
    ],
)
def test_every_notation_is_read(text, expected):
    """Seconds, milliseconds, microseconds, nanoseconds by their size; RFC 3339 in any zone, its plus sign lost or not."""
    assert expected == moments.read(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "-1",
        "1e19",
        "1e999",
        "1" * 20,
        "٣",
        "2026-09-21",
        "2026-09-21T14:13:20",
        "2026-02-30T00:00:00Z",
        "0000-01-01T00:00:00Z",
    ],
)
def test_anything_else_is_refused(text):
    """With a ValueError."""
    with pytest.raises(ValueError, match=r"."):
        moments.read(text)


def test_what_is_written_is_read_again():
    """With all nine decimals."""
    assert moments.rfc3339(START_NS + 1) == "2026-09-21T14:13:20.000000001Z"
    assert moments.read(moments.rfc3339(START_NS + 1)) == START_NS + 1


def test_a_moment_that_no_calendar_has_is_written_as_the_nearest():
    """Before the year 1, and long after all."""
    assert moments.rfc3339(moments.read("0001-01-01T00:00:00+23:00")) == "0001-01-01T00:00:00.000000000Z"
    assert moments.rfc3339(2**70).startswith("6325")
