import re

import msgspec
import pytest

import vshop
from vshop.corpus.canonical import canonical
from vshop.corpus.loader import CaseFiles
from vshop.corpus.otlp import SIGNALS, rows
from vshop.corpus.replacements import Names, Rewriter

DEFAULTS = {"orders": 8080, "auth": 8081, "dynamodb": 8000, "query": 16686}
PORTS = {"orders": 21001, "auth": 21002, "dynamodb": 21003, "query": 21004}
CASES = ["orders-context-lost", "auth-retry-succeeds", "stock-double-decrement", "stock-consumer-stalled", "stock-slow-write"]


def recording(case_id):
    case = vshop.load_corpus()[case_id]
    return CaseFiles(id=case_id, signals={signal: case.otlp(signal) for signal in SIGNALS}, truth=case.truth)


def another_run(case, later_ns, stretch):
    content = msgspec.json.encode(case).decode()
    ids = sorted(set(re.findall(r'"(?:traceId|spanId)":"([0-9a-f]+)"', content)))
    for number, old in enumerate(ids):
        content = content.replace(old, f"{number + 1:0{len(old)}x}"[::-1])
    for name, number in DEFAULTS.items():
        content = re.sub(rf"127\.0\.0\.1:{number}\b", f"127.0.0.1:{PORTS[name]}", content)
        content = content.replace(f'{{"intValue":"{number}"}}', f'{{"intValue":"{PORTS[name]}"}}')
    base = 1_767_600_000_000_000_000
    times = re.compile(r'("(?:startTimeUnixNano|endTimeUnixNano|timeUnixNano|observedTimeUnixNano)":)"(\d+)"')
    content = times.sub(lambda found: f'{found[1]}"{base + later_ns + int((int(found[2]) - base) * stretch)}"', content)
    return msgspec.json.decode(content, type=CaseFiles)


@pytest.mark.parametrize("case_id", CASES)
def test_two_runs_become_the_same_bytes(case_id):
    first = canonical(recording(case_id), 1, 3, DEFAULTS)
    second = canonical(another_run(recording(case_id), 10**15, 1.7), 1, 3, PORTS)

    assert msgspec.json.encode(second) == msgspec.json.encode(first)


@pytest.mark.parametrize("case_id", CASES)
def test_relations_between_spans_are_kept(case_id):
    made = canonical(recording(case_id), 7, 0, {})
    spans = {row.item["spanId"]: row.item for row in rows(made.signals["traces"], "traces")}
    before = {row.item["spanId"]: row.item for row in rows(recording(case_id).signals["traces"], "traces")}

    assert len(spans) == len(before)
    assert sum(bool(span.get("parentSpanId")) for span in spans.values()) == sum(
        bool(one.get("parentSpanId")) for one in before.values()
    )
    for span in spans.values():
        assert int(span["startTimeUnixNano"]) < int(span["endTimeUnixNano"])
        if span.get("parentSpanId"):
            parent = spans[span["parentSpanId"]]
            assert span["traceId"] == parent["traceId"]
            assert int(span["startTimeUnixNano"]) > int(parent["startTimeUnixNano"])
    assert {one["spanId"] for one in made.truth["culprits"]} <= spans.keys()
    assert {row.item["spanId"] for row in rows(made.signals["logs"], "logs")} <= spans.keys()


def test_another_seed_gives_other_ids_and_the_same_times():
    one, two = (canonical(recording("orders-context-lost"), seed, 0, {}) for seed in (1, 2))
    ids = [{row.item["spanId"] for row in rows(made.signals["traces"], "traces")} for made in (one, two)]
    times = [[row.item["startTimeUnixNano"] for row in rows(made.signals["traces"], "traces")] for made in (one, two)]

    assert not ids[0] & ids[1]
    assert times[0] == times[1]
    all_ids = [span.span_id for case in vshop.load_corpus().values() for span in case.spans]
    assert len(all_ids) == len(set(all_ids))


@pytest.mark.parametrize(
    ("text", "becomes"),
    [
        ("http://127.0.0.1:21001/orders", "http://127.0.0.1:8080/orders"),
        ("HTTPConnectionPool(host='127.0.0.1', port=40123)", "HTTPConnectionPool(host='127.0.0.1', port=50000)"),
        ("at 2026-11-23T01:13:22.251Z", "at 2026-01-05T09:00:00.001Z"),
        ("Mon, 23 Nov 2026 01:13:29 GMT", "Mon, 05 Jan 2026 09:00:00 GMT"),
        ("<socket at 0x7fa8467a6a90>", "<socket at 0x7f0000000000>"),
        ('File "/home/me/shop/services/orders/app.py", line 7', 'File "services/orders/app.py", line 7'),
        ('File "/v/lib/python3.12/site-packages/vshop/_services/orders/app.py"', 'File "services/orders/app.py"'),
        ('File "/v/lib/python3.12/site-packages/vshop/kit/order.py"', 'File "vshop/kit/order.py"'),
        ('File "/home/me/shop/src/vshop/kit/order.py"', 'File "vshop/kit/order.py"'),
        ('File "/v/lib/python3.12/site-packages/requests/api.py"', 'File "requests/api.py"'),
        ('File "/usr/lib/python3.12/json/decoder.py"', 'File "lib/python/json/decoder.py"'),
        ("auth0|5ba1a9227dc7232e1aec4fd0 orders 2 of item 7", "auth0|5ba1a9227dc7232e1aec4fd0 orders 2 of item 7"),
    ],
)
def test_run_specific_text_is_rewritten(text, becomes):
    rewriter = Rewriter(Names(1, "case"), PORTS)
    rewriter.moment_ns = 1_767_603_600_001_000_000

    assert rewriter.text(text) == becomes


def test_id_has_one_replacement_everywhere():
    names = Names(1, "case")
    rewriter = Rewriter(names, {})
    trace, span = "1362d3d6d69ed1cf8dd10142c1e65bc5", "6dfaaeb89680f3c2"

    assert rewriter.text(f"00-{trace}-{span}-03") == f"00-{names.replacement(trace)}-{names.replacement(span)}-03"
    assert rewriter.text("1b478478-f306-4216-8898-56ba33f0f491") == names.replacement("1b478478-f306-4216-8898-56ba33f0f491")
