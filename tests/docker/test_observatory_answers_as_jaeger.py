"""The observatory's query API responds as the real Jaeger does for the same spans.

Both receive ``observatory_corpus.json`` and every request of ``observatory_questions.txt``.

Normalized, because neither of the two promises it:

- the order of list members (Jaeger iterates over Go maps);
- the names ``p1``, ``p2``, … of processes, which follow the order of the spans: a span is compared with its process's content;
- numbers are compared as numbers: 3 and 3.0 are equal in JSON.

Of an error response, only the status and the shape are compared. TOLERATED and BETTER list all other differences, with reasons.
"""

import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from string import Template
from typing import Any, NamedTuple

import pytest
import requests
from testcontainers.core.container import DockerContainer

from vshop.runtime.model import ports

ROOT = Path(__file__).parents[2]
CORPUS = json.loads((Path(__file__).parent / "observatory_corpus.json").read_text(encoding="utf-8"))
ORDER, ALONE, NAMELESS, TWICE = "5b8efff798038103d269b633813fc60c", "a1b2c3d4e5f60718", "0000000000000bad", "0000000000000d0b"
SPANS = {ORDER: 8, ALONE: 4, NAMELESS: 4, TWICE: 1}  # those sent twice count once

V1 = "start=1780000000000000&end=1800000000000000"
V3 = "query.start_time_min=2026-01-01T00:00:00Z&query.start_time_max=2027-01-01T00:00:00.5%2B01:00"
LINES = Template((Path(__file__).parent / "observatory_questions.txt").read_text(encoding="utf-8"))
SAME = [line for line in LINES.substitute(globals()).splitlines() if line.startswith("/")]
NOT_SHOWN = "Jaeger's memory store does not find some of the tags that it shows; what is shown can be searched for."


class Better(NamedTuple):
    question: str
    jaeger: int | list[str]
    observatory: int | list[str]
    why: str


BETTER = [
    Better(f"/api/traces?service=orders&limit=0&{V1}", 500, 400, "A limit of 0 is the caller's mistake, not the server's."),
    Better(f"/api/traces?service=orders&limit=1000000&{V1}", 500, [ORDER, TWICE], "A limit above what is held limits nothing."),
    Better(f"/api/v3/traces?query.service_name=orders&{V3}", 500, [ORDER, TWICE], "Without num_traces the limit is 100, as in v1."),
    Better(
        f'/api/traces?service=orders&tags={{"error":"true"}}&{V1}',
        [ORDER, TWICE],
        [ORDER],
        "Jaeger's memory store takes the text for a false boolean, and then looks for status OK.",
    ),
    Better(
        f'/api/traces?service=stock-updater&tags={{"error":"false"}}&{V1}',
        [],
        [ORDER, ALONE],
        "The same; and a span of unset status has not failed either.",
    ),
    Better(f"/api/traces?service=orders&tag=span.kind:server&{V1}", [], [ORDER, TWICE], NOT_SHOWN),
    Better(f"/api/traces?service=orders&tag=otel.status_code:ERROR&{V1}", [], [ORDER], NOT_SHOWN),
    Better(f"/api/traces?service=stock-updater&tag=otel.scope.version:9&{V1}", [], [ORDER], NOT_SHOWN),
    Better(f"/api/traces?service=orders&tag=event:exception&{V1}", [], [ORDER], NOT_SHOWN),
    Better(
        f'/api/traces?service=orders&tag=an.array:["x<y>%26z",7,0.5,true,"3q2%2B7w==",null]&{V1}',
        [],
        [ORDER],
        "The text of a list is plain JSON; Go escapes <, > and &.",
    ),
    Better("/api/nothing", 200, 404, "Jaeger answers every unknown path with its page."),
]


def _flat(body: Any) -> Any:
    groups = body.get("result", {}).get("resourceSpans", ())
    spans = [
        (group["resource"], scope["scope"], span) for group in groups for scope in group["scopeSpans"] for span in scope["spans"]
    ]
    return spans or body


def _without_warnings(body: Any) -> Any:
    for trace in (isinstance(body, dict) and body.get("data")) or []:
        for span in trace["spans"]:
            assert span["warnings"] is None or all(isinstance(text, str) for text in span["warnings"])
            span["warnings"] = None
    return body


def _parsed_texts(body: Any) -> Any:
    for trace in (isinstance(body, dict) and body.get("data")) or []:
        owners = [owner["tags"] for owner in (*trace["spans"], *trace["processes"].values())]
        owners += [log["fields"] for span in trace["spans"] for log in span["logs"]]
        for item in (item for items in owners for item in items):
            if item["type"] == "string" and item["value"][:1] in {"[", "{"}:
                item["value"] = json.loads(item["value"])
    return body


def _without_warnings_v3(body: Any) -> Any:
    for _, _, span in body if isinstance(body, list) else []:
        attributes = [item for item in span.pop("attributes", []) if item["key"] != "@jaeger@warnings"]
        if attributes:
            span["attributes"] = attributes
    return body


def _without_repeated_spans(body: Any) -> Any:
    for trace in body["data"] or []:
        trace["spans"] = list({json.dumps(span, sort_keys=True): span for span in trace["spans"]}.values())
    return body


TOLERATED: list[tuple[str, Callable[[Any], Any], str]] = [
    ("/api/traces", _without_warnings, "The observatory does not check clocks and ids, so it has no warnings."),
    ("/api/traces", _parsed_texts, "The text of a list or a map is the same JSON, but Go escapes and formats it differently."),
    ("raw=true", _without_repeated_spans, "The observatory stores a span once, however often an exporter sends it again."),
    ("/api/v3/traces", _flat, "Jaeger repeats a resource for each batch; the observatory lists it once for each trace."),
    ("/api/v3/traces", _without_warnings_v3, "The same; Jaeger's v3 also adds them again with each request."),
]
"""A regular expression that matches the request, the function that removes the difference, and why it is tolerated.

Content types are not compared: Jaeger sends the JSON of its errors, and all of v3, as ``text/plain``.
"""


@pytest.fixture(scope="module")
def jaeger(engine) -> Iterator[str]:
    container = DockerContainer("jaegertracing/jaeger:2.13.0").with_env("OTEL_TRACES_SAMPLER", "always_off")
    container.ports = {"4318/tcp": ("127.0.0.1", None), "16686/tcp": ("127.0.0.1", None)}
    with container:
        query = f"http://127.0.0.1:{container.get_exposed_port(16686)}"
        _fill(f"http://127.0.0.1:{container.get_exposed_port(4318)}", query)
        yield query


@pytest.fixture(scope="module")
def observatory() -> Iterator[str]:
    otlp, query = ports.free(2)
    variables = {
        "PYTHONPATH": str(ROOT / "services"),
        "SHOP_OTLP_PORT": str(otlp),
        "SHOP_QUERY_PORT": str(query),
    }
    process = subprocess.Popen([sys.executable, "-P", "-m", "observatory"], env=os.environ | variables)
    try:
        _fill(f"http://127.0.0.1:{otlp}", f"http://127.0.0.1:{query}")
        yield f"http://127.0.0.1:{query}"
    finally:
        process.terminate()
        assert process.wait(timeout=10) == 0


@pytest.mark.parametrize("question", SAME)
def test_responses_are_equal(jaeger: str, observatory: str, question: str):
    expected, actual = requests.get(jaeger + question, timeout=10), requests.get(observatory + question, timeout=10)
    assert expected.status_code == actual.status_code
    if expected.ok:
        assert _normal(question, expected.json()) == _normal(question, actual.json())
    else:
        assert _shape(expected.json()) == _shape(actual.json())


@pytest.mark.parametrize("better", BETTER, ids=lambda better: better.question)
def test_responses_differ_as_the_table_says(jaeger: str, observatory: str, better: Better):
    assert better.jaeger == _gist(requests.get(jaeger + better.question, timeout=10), better.jaeger)
    assert better.observatory == _gist(requests.get(observatory + better.question, timeout=10), better.observatory)


def test_pretty_printed_responses_are_the_same_text(jaeger: str, observatory: str):
    question = f"/api/traces/{TWICE}?prettyPrint=true"
    assert requests.get(jaeger + question, timeout=10).text == requests.get(observatory + question, timeout=10).text


def _fill(otlp: str, query: str) -> None:
    _until(lambda: requests.get(f"{query}/api/services", timeout=5).ok)
    _until(lambda: requests.post(f"{otlp}/v1/traces", json={}, timeout=5).ok)  # Jaeger answers queries before it takes spans
    for batch in CORPUS:
        requests.post(f"{otlp}/v1/traces", json=batch, timeout=5).raise_for_status()
    question = f"{query}/api/traces?" + "&".join(f"traceID={trace_id}" for trace_id in SPANS)
    _until(lambda: {trace["traceID"]: len(trace["spans"]) for trace in requests.get(question, timeout=5).json()["data"]} == SPANS)


def _until(met: Callable[[], bool], timeout_s: float = 30) -> None:
    pause, end = threading.Event(), time.monotonic() + timeout_s
    while True:
        try:
            if met():
                return
        except requests.ConnectionError:
            pass
        assert time.monotonic() < end, "not met in time"
        pause.wait(0.05)


def _gist(response: requests.Response, like: int | list[str]) -> int | list[str]:
    if isinstance(like, int):
        return response.status_code
    body = response.json()
    ids = {trace["traceID"] for trace in body.get("data") or []}
    if "result" in body:
        ids = {span["traceId"].removeprefix("0" * 16) for _, _, span in _flat(body)}
    return [trace_id for trace_id in SPANS if trace_id in ids]


def _normal(question: str, body: Any) -> str:
    for where, even_out, _ in TOLERATED:
        if re.search(where, question):
            body = even_out(body)
    for trace in (isinstance(body, dict) and question.startswith("/api/traces") and body["data"]) or []:
        for span in trace["spans"]:
            span["processID"] = trace["processes"][span["processID"]]
        trace["processes"] = list(trace["processes"].values())
    return json.dumps(_sorted(body), indent=1, ensure_ascii=False, sort_keys=True)


def _shape(value: Any) -> Any:
    if isinstance(value, list):
        return [_shape(item) for item in value]
    if isinstance(value, dict):
        return {key: item if key in {"code", "httpCode"} else _shape(item) for key, item in value.items()}
    return type(value).__name__


def _sorted(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return sorted((_sorted(item) for item in value), key=lambda item: json.dumps(item, sort_keys=True))
    if isinstance(value, dict):
        return {key: _sorted(item) for key, item in value.items()}
    return int(value) if isinstance(value, float) and value.is_integer() else value
