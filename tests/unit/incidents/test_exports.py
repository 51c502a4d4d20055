import csv
import re

import pytest

from vshop.incidents.exports import BEFORE_S, Telemetry, held, metric_table, write_openrca, write_rcaeval
from vshop.incidents.scoring import IncidentRun, runs
from vshop.shop.spans import read_spans

AT = 1_769_860_801  # 2026-01-31 12:00:01 UTC


def rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_runs_have_begin_and_end(incidents, journal):
    lines = journal(
        (1, "orders-break", "on", 1),
        (2, "orders-break", "off", 5),
        (3, "orders-seem-broken", "on", 6),
        (4, "orders-break", "on", 7),
        (5, "orders-break", "off", 8, "rollback"),
        (6, "of-another-shop", "on", 9),
        (7, "orders-break", "on", 10),
    )

    assert runs(lines, incidents) == [
        IncidentRun(id="r1", incident="orders-break", injected_at=AT, recovered_at=AT + 4),
        IncidentRun(id="r7", incident="orders-break", injected_at=AT + 9),
    ]
    assert [run.id for run in runs(lines, incidents, twins=True)] == ["r1", "r3", "r7"]


# The expressions with which OpenRCA's main/evaluate.py reads scoring points.
POINTS = {
    "component": r"The (?:\d+-th|only) predicted root cause component is ([^\n]+)",
    "reason": r"The (?:\d+-th|only) predicted root cause reason is ([^\n]+)",
    "time": r"The (?:\d+-th|only) root cause occurrence time is within 1 minutes \(i.e., <=1min\) of ([^\n]+)",
}


def test_openrca_files_have_the_format_of_its_evaluation(tmp_path, incidents):
    run = IncidentRun(id="r1", incident="orders-break", injected_at=AT + 0.5, recovered_at=AT + 4)

    write_openrca(tmp_path / "out", [run], incidents)

    record = {
        "level": "service",
        "component": "orders",
        "timestamp": str(AT),
        "datetime": "2026-01-31 12:00:01",
        "reason": "it breaks",
    }
    assert rows(tmp_path / "out" / "record.csv") == [record]
    queries = rows(tmp_path / "out" / "query.csv")
    assert [query["task_index"] for query in queries] == [f"task_{number}" for number in range(1, 8)]
    found = {name: re.findall(expression, queries[6]["scoring_points"]) for name, expression in POINTS.items()}
    assert found == {"component": ["orders"], "reason": ["it breaks"], "time": ["2026-01-31 12:00:01"]}
    assert "Between 2026-01-31 11:59:00 and 2026-01-31 12:02:00 (UTC)" in queries[0]["instruction"]


def test_openrca_puts_failures_of_one_minute_into_one_query(tmp_path, incidents):
    """OpenRCA scores times within a minute as equal."""
    near = [IncidentRun(id=f"r{n}", incident="orders-break", injected_at=AT + n, recovered_at=AT + n + 1) for n in (0, 30, 600)]

    write_openrca(tmp_path, near, incidents)

    queries = rows(tmp_path / "query.csv")
    assert len(queries) == 14
    assert re.findall(POINTS["component"], queries[2]["scoring_points"]) == ["orders", "orders"]
    assert "2 failures" in queries[2]["instruction"]
    assert "one failure" in queries[9]["instruction"]


@pytest.fixture
def telemetry():
    counter = {"service": "orders", "name": "shop.orders_placed", "type": "sum"}
    own = {"service": "orders", "name": "otel.sdk.span.live", "type": "sum"}
    points = [{"time": (AT + at) * 1_000_000, "value": value} for at, value in ((-10, 3), (-1, 3), (1, 5))]
    times = [{"startTimeUnixNano": str((AT + at) * 10**9), "endTimeUnixNano": str((AT + at) * 10**9 + 5_000)} for at in (-999, 1)]
    spans = [{"traceId": "t", "spanId": "s", "name": "POST /orders", "status": {"code": 2}} | time for time in times]
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "orders"}}]}
    log = {"service": "orders", "severity": "INFO", "body": "placing, an order", "traceId": "t", "spanId": "s"}
    return Telemetry(
        metrics=[counter | {"points": points}, own | {"points": points}],
        logs=[log | {"timestamp": (AT + at) * 1_000_000} for at in (-999, 1)],
        spans=read_spans({"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": spans}]}]}),
    )


def test_rcaeval_has_one_folder_for_each_run(tmp_path, incidents, telemetry):
    """Its main.py splits the folder name into service and fault."""
    both = [IncidentRun(id=f"r{n}", incident="orders-break", injected_at=AT + n, recovered_at=AT + 2) for n in (0, 1)]

    cases = write_rcaeval(tmp_path, both, incidents, telemetry, AT + 5)

    assert [str(case.relative_to(tmp_path)) for case in cases] == ["orders_orders-break/1", "orders_orders-break/2"]
    service, fault = cases[0].parent.name.split("_")
    assert (service, fault) == ("orders", "orders-break")
    assert (cases[0] / "inject_time.txt").read_text() == f"{AT}\n"
    data = rows(cases[0] / "data.csv")
    assert list(data[0]) == ["time", "orders_shop.orders-placed"]
    assert data[0]["time"] == str(AT - BEFORE_S)
    assert data[-1]["time"] == str(AT + 5)
    assert {row["time"]: float(row["orders_shop.orders-placed"]) for row in data}[str(AT + 1)] == 2
    assert rows(cases[0] / "traces.csv") == [
        {
            "traceID": "t",
            "spanID": "s",
            "parentSpanID": "",
            "serviceName": "orders",
            "methodName": "POST /orders",
            "operationName": "POST /orders",
            "startTime": str((AT + 1) * 1_000_000),
            "duration": "5",
            "statusCode": "2",
        }
    ]
    assert [row["message"] for row in rows(cases[0] / "logs.csv")] == ["placing, an order"]


def test_run_without_metrics_is_left_out(telemetry):
    old, new = (IncidentRun(id="r", incident="orders-break", injected_at=AT + at) for at in (-99, 0))

    assert held([old, new], telemetry) == [new]


def test_metric_table_has_increases_means_and_values():
    counter = {
        "service": "a",
        "name": "n",
        "type": "sum",
        "points": [{"time": at * 1_000_000, "value": at * 2} for at in (1, 2, 4)],
    }
    gauge = {"service": "a", "name": "g", "type": "gauge", "points": [{"time": 2_000_000, "value": 7}]}
    histogram = {
        "service": "a",
        "name": "h",
        "type": "histogram",
        "points": [{"time": 1_000_000, "count": 1, "sum": 5}, {"time": 3_000_000, "count": 3, "sum": 11}],
    }

    names, table = metric_table([counter, counter, gauge, histogram], 2, 4)

    assert names == ["time", "a_g", "a_h", "a_h-mean", "a_n"]
    assert table == [[2, 7, 0, 0, 4], [3, 7, 2, 3, 0], [4, 7, 0, 0, 8]]
