"""Totals, and what came in the last minute, from counters that only ever grow."""

import pytest

from vshop.business import Count, counts, lag

NOW = 1_000_000.0


def series(*points, began=-3600, **attributes):
    """Make a series: (seconds before now, value)."""
    made = [{"time": (NOW - ago) * 1e6, "startTime": (NOW + began) * 1e6, "value": value} for ago, value in points]
    return {"points": made, "attributes": attributes}


@pytest.mark.parametrize(
    ("held", "count"),
    [
        ([], Count(0, 0)),
        ([series((90, 3), (61, 5), (30, 6), (0, 9))], Count(9, 4)),
        ([series((20, 7), (0, 9))], Count(9, 2)),
        ([series((20, 7), (0, 9), began=-30)], Count(9, 9)),
        ([series((0, 2)), series((70, 1), (0, 4))], Count(6, 3)),
        ([series()], Count(0, 0)),
    ],
    ids=["none", "older points", "cleared since", "began since", "two services", "empty"],
)
def test_a_counter(held, count):
    """What was held at the begin of the window is taken off, 0 where it had not begun."""
    found = counts(lambda name: held if name == "shop.orders.placed" else [], NOW)

    assert found["orders accepted"] == count


def test_errors_are_counted_by_their_type():
    """Over all services."""
    held = [series((0, 2), **{"exception.type": "TypeError"}), series((0, 1), **{"exception.type": "TypeError"}), series((0, 1))]
    found = counts(lambda name: held if name == "shop.errors" else [], NOW)

    assert {name: one.total for name, one in found.items() if name.startswith("error")} == {
        "error TypeError": 3,
        "error unknown": 1,
    }


def test_the_lag_is_that_of_the_partitions_as_they_are_now():
    """One that went to another consumer is told no more."""
    assert lag(lambda _: [series((9, 50)), series((0, 2)), series((1, 3)), series()]) == 5
    assert lag(lambda _: []) == 0
