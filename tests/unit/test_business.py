import pytest

from vshop.shop.business_metrics import Count, counts, lag

NOW = 1_000_000.0


def series(*points, began=-3600, service="orders", **attributes):
    made = [{"time": (NOW - ago) * 1e6, "startTime": (NOW + began) * 1e6, "value": value} for ago, value in points]
    return {"service": service, "points": made, "attributes": attributes}


@pytest.mark.parametrize(
    ("held", "count"),
    [
        ([], Count(0, 0)),
        ([series((90, 3), (61, 5), (30, 6), (0, 9))], Count(9, 4)),
        ([series((20, 7), (0, 9))], Count(9, 2)),
        ([series((20, 7), (0, 9), began=-30)], Count(9, 9)),
        ([series((20, 7), (0, 9), began=-20)], Count(9, 2)),
        ([series((0, 2)), series((70, 1), (0, 4))], Count(6, 3)),
        ([series()], Count(0, 0)),
        ([series((90, 3), (0, 9)), series((90, 30), (0, 90), service="foreign")], Count(9, 6)),
    ],
    ids=["none", "older points", "cleared since", "began since", "reset since", "two services", "empty", "foreign service"],
)
def test_a_counter_has_a_total_and_a_recent_increase(held, count):
    """The increase is counted from the value at the start of the window, or from 0 for a younger series."""
    found = counts(lambda name: held if name == "shop.orders.placed" else [], NOW)

    assert found["orders accepted"] == count


def test_errors_are_counted_by_their_type():
    held = [series((0, 2), **{"exception.type": "TypeError"}), series((0, 1), **{"exception.type": "TypeError"}), series((0, 1))]
    found = counts(lambda name: held if name == "shop.errors" else [], NOW)

    assert {name: one.total for name, one in found.items() if name.startswith("error")} == {
        "error TypeError": 3,
        "error unknown": 1,
    }


def test_lag_ignores_partitions_that_moved_to_another_consumer():
    assert lag(lambda _: [series((9, 50)), series((0, 2)), series((1, 3)), series(), series((0, 7), service="foreign")], NOW) == 5


@pytest.mark.parametrize("held", [[], [series((11, 0))]])
def test_lag_is_unknown_once_nobody_reports_it(held):
    assert lag(lambda _: held, NOW) is None
