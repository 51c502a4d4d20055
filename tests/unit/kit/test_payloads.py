"""Payloads on spans: whole, cut and marked, or not at all."""

import json
from decimal import Decimal

import pytest

from vshop.kit.payloads import Payloads
from vshop.kit.settings import Settings


@pytest.fixture
def put(tracer):
    """Put something on a span by one of the three ways; returns the span's attributes."""

    def call(how, payload, limit=64, payloads="full"):
        shown = Payloads(Settings(payloads=payloads, payload_limit_bytes=limit))
        with tracer.start_as_current_span("work") as span:
            getattr(shown, how)(span, "payload", payload)
        return dict(span.attributes)

    return call


@pytest.mark.parametrize("payload", ["order", b"order", "€" * 21, b"x" * 64], ids=["text", "bytes", "63 bytes", "64 bytes"])
def test_what_fits_is_whole(put, payload):
    """Up to the limit in bytes."""
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
def test_what_is_longer_is_cut_at_a_character_and_marked(put, payload, kept, size):
    """With its size in bytes; half a character is left out."""
    assert put("put", payload) == {"payload": f"{kept}…[cut, {size} bytes in all]"}


def test_bytes_that_are_no_text_are_escaped(put):
    """Nothing is lost, nothing raises."""
    assert put("put", b"\x00\xff\xe2\x82") == {"payload": "\x00\\xff\\xe2\\x82"}


def test_half_a_surrogate_pair_is_escaped(put):
    """It could not be exported."""
    assert put("put", "a\ud800") == {"payload": "a\\ud800"}


@pytest.mark.parametrize("payload", [None, b"", ""])
def test_nothing_leaves_no_attribute(put, payload):
    """An empty body is no payload."""
    assert put("put", payload) == {}


@pytest.mark.parametrize(("how", "payload"), [("put", "order"), ("put_json", {"a": 1}), ("put_headers", [("A", "b")])])
def test_metadata_mode_puts_nothing(put, how, payload):
    """By none of the ways."""
    assert put(how, payload, payloads="metadata") == {}


def test_what_json_does_not_know_is_readable(put):
    """As DynamoDB's types."""
    payload = {"b": b"\xff", "n": Decimal("1.5"), "s": {"b", "a"}, "t": (1, 2)}

    assert json.loads(put("put_json", payload, limit=1000)["payload"]) == {"b": "\\xff", "n": "1.5", "s": ["a", "b"], "t": [1, 2]}


def test_long_json_is_cut_too(put):
    """And marked."""
    assert put("put_json", ["x" * 100])["payload"].endswith("…[cut, 104 bytes in all]")


def test_headers_are_an_object_of_small_names(put):
    """Whatever their case was."""
    assert json.loads(put("put_headers", [("Content-Type", "a/b"), ("X-Y", "é")])["payload"]) == {"content-type": "a/b", "x-y": "é"}


def test_a_span_that_is_not_recorded_gets_nothing():
    """And costs nothing."""
    from opentelemetry.trace import INVALID_SPAN  # noqa: PLC0415 - only here

    Payloads(Settings()).put_json(INVALID_SPAN, "payload", {"unserializable": {1: object()}, (1,): 2})
