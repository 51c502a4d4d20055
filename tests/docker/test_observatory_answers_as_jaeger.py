"""The observatory answers what the real Jaeger answers for the same spans.

Both get ``observatory_corpus.json`` over OTLP/HTTP; then every line of ``observatory_questions.txt`` is asked of both,
and the answers are compared field by field.

Normalised, because neither of the two promises it:

- the order of list members (Jaeger walks Go maps, whose order is random);
- the names ``p1``, ``p2``, … of processes, which follow the order of the spans: a span is compared with its process's content;
- numbers are compared as numbers: 3 and 3.0 are one in JSON.

Everything else that differs stands in TOLERATED or BETTER, with its reason.
"""

import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from string import Template
from typing import Any, NamedTuple

import docker
import pytest
import requests
from docker.errors import DockerException
from testcontainers.core.container import DockerContainer

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
    """A question that the observatory answers otherwise on purpose: status or traces of each, and why."""

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
    Better("/api/nothing", 200, 404, "Jaeger answers every unknown path with its page."),
]


def _flat(body: Any) -> Any:
    groups = body.get("result", {}).get("resourceSpans", ())
    spans = [
        (group["resource"], scope["scope"], span) for group in groups for scope in group["scopeSpans"] for span in scope["spans"]
    ]
    return spans or body


def _warned_once(body: Any) -> Any:
    for _, _, span in body if isinstance(body, list) else []:
        for item in span.get("attributes", []):
            if item["key"] == "@jaeger@warnings":
                item["value"] = sorted({value["stringValue"] for value in item["value"]["arrayValue"]["values"]})
    return body


def _without_parsers_words(body: Any) -> Any:
    return json.loads(
        re.sub(r"(cannot unmarshal JSON|(parsing time|'x' is neither RFC 3339)).*?(?=\"})", "unreadable", json.dumps(body))
    )


TOLERATED: list[tuple[str, Callable[[Any], Any], str]] = [
    ("/api/v3/traces", _flat, "Jaeger names a resource once for each batch it came in, the observatory once."),
    ("/api/v3/traces", _warned_once, "Jaeger's v3 adjusts what it stores: each question adds the same warnings again."),
    ("tags=|time_min=x", _without_parsers_words, "What Go's parsers of JSON and time say; status and parameter agree."),
]
"""Where (a regular expression that the question matches), how the difference is evened out, and why it is tolerated.

Not compared at all: Jaeger sends the JSON of its errors, and all of v3, as ``text/plain``; the observatory as what it is.
"""


@pytest.fixture(scope="module")
def jaeger() -> Iterator[str]:
    """The address of a real Jaeger's query API, holding the corpus."""
    try:
        docker.from_env().close()
    except DockerException as error:
        pytest.skip(f"no container engine answers: {error}")
    container = DockerContainer("jaegertracing/jaeger:2.13.0").with_env("OTEL_TRACES_SAMPLER", "always_off")
    container.ports = {"4318/tcp": ("127.0.0.1", None), "16686/tcp": ("127.0.0.1", None)}
    with container:
        query = f"http://127.0.0.1:{container.get_exposed_port(16686)}"
        _fill(f"http://127.0.0.1:{container.get_exposed_port(4318)}", query)
        yield query


@pytest.fixture(scope="module")
def observatory() -> Iterator[str]:
    """The address of the observatory's query API, running as a process of its own and holding the corpus."""
    otlp, query = _free_port(), _free_port()
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
def test_answers_are_the_same(jaeger: str, observatory: str, question: str):
    """Status and every field of the answer are those of Jaeger."""
    expected, actual = requests.get(jaeger + question, timeout=10), requests.get(observatory + question, timeout=10)
    assert expected.status_code == actual.status_code
    assert _normal(question, expected.json()) == _normal(question, actual.json())


@pytest.mark.parametrize("better", BETTER, ids=lambda better: better.question)
def test_answers_that_are_better_on_purpose(jaeger: str, observatory: str, better: Better):
    """Where the observatory differs on purpose, Jaeger still answers as the table says, and so does the observatory."""
    assert better.jaeger == _gist(requests.get(jaeger + better.question, timeout=10), better.jaeger)
    assert better.observatory == _gist(requests.get(observatory + better.question, timeout=10), better.observatory)


def test_pretty_print_is_the_same_text(jaeger: str, observatory: str):
    """Asked for ``prettyPrint``, both indent alike, to the character."""
    question = f"/api/traces/{TWICE}?prettyPrint=true"
    assert requests.get(jaeger + question, timeout=10).text == requests.get(observatory + question, timeout=10).text


def _fill(otlp: str, query: str) -> None:
    _until(lambda: requests.get(f"{query}/api/services", timeout=5).ok)
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


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


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


def _sorted(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return sorted((_sorted(item) for item in value), key=lambda item: json.dumps(item, sort_keys=True))
    if isinstance(value, dict):
        return {key: _sorted(item) for key, item in value.items()}
    return int(value) if isinstance(value, float) and value.is_integer() else value
