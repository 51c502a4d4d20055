import json
from decimal import Decimal

import pytest
from opentelemetry.trace import INVALID_SPAN

from vshop.kit.settings import Settings
from vshop.kit.telemetry.api import Payloads


@pytest.fixture
def put(tracer):
    def call(how, payload, limit=64, payloads="full"):
        shown = Payloads(Settings(payloads=payloads, payload_limit_bytes=limit))
        with tracer.start_as_current_span("work") as span:
            getattr(shown, how)(span, "payload", payload)
        return dict(span.attributes)

    return call


@pytest.mark.parametrize("payload", ["order", b"order", "€" * 21, b"x" * 64], ids=["text", "bytes", "63 bytes", "64 bytes"])
def test_a_payload_within_the_limit_is_complete(put, payload):
    assert put("put", payload) == {"payload": payload if isinstance(payload, str) else payload.decode()}


@pytest.mark.parametrize(
    ("payload", "kept", "size"),
    [
        ("x" * 65, "x" * 64, 65),
        (b"x" * 5000, "x" * 64, 5000),
        ("€" * 22, "€" * 21, 66),
        ("x" + "€" * 30, "x" + "€" * 21, 91),
        ("xx" + "€" * 30, "xx" + "€" * 20, 92),
        ("🛒" * 17, "🛒" * 16, 68),
        ("x🛒" * 20, "x🛒" * 12 + "x", 100),
        (b"x" * 63 + b"\xff" * 9, "x" * 63 + "\\xff", 72),
    ],
    ids=["text", "bytes", "1 of 3 bytes", "after 1", "after 2", "at a character", "3 of 4 bytes", "no UTF-8"],
)
def test_a_longer_payload_is_cut_at_a_character_and_marked(put, payload, kept, size):
    assert put("put", payload) == {"payload": f"{kept}…[cut, {size} bytes in all]"}


def test_bytes_that_are_not_utf8_are_escaped(put):
    assert put("put", b"\x00\xff\xe2\x82") == {"payload": "\x00\\xff\\xe2\\x82"}


def test_a_lone_surrogate_is_escaped(put):
    assert put("put", "a\ud800") == {"payload": "a\\ud800"}


@pytest.mark.parametrize("payload", [None, b"", ""])
def test_an_empty_payload_sets_no_attribute(put, payload):
    assert put("put", payload) == {}


@pytest.mark.parametrize(("how", "payload"), [("put", "order"), ("put_json", {"a": 1}), ("put_headers", [("A", "b")])])
def test_metadata_mode_sets_no_attribute(put, how, payload):
    assert put(how, payload, payloads="metadata") == {}


def test_types_that_json_lacks_are_readable(put):
    payload = {"b": b"\xff", "n": Decimal("1.5"), "s": {"b", "a"}, "t": (1, 2)}

    assert json.loads(put("put_json", payload, limit=1000)["payload"]) == {"b": "\\xff", "n": "1.5", "s": ["a", "b"], "t": [1, 2]}


def test_long_json_is_cut(put):
    assert put("put_json", ["x" * 100])["payload"].endswith("…[cut, 104 bytes in all]")


def test_headers_are_an_object_with_lower_case_names(put):
    assert json.loads(put("put_headers", [("Content-Type", "a/b"), ("X-Y", "é")])["payload"]) == {"content-type": "a/b", "x-y": "é"}


def test_an_unrecorded_span_gets_no_attribute():
    Payloads(Settings()).put_json(INVALID_SPAN, "payload", {"unserializable": {1: object()}, (1,): 2})
