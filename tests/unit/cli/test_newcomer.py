import json
import sys

import pytest
import typer
from rich.console import Console
from typer.testing import CliRunner

import vshop.cli
from vshop.cli import app, chaos, exercise, orders, output, references, verify
from vshop.incidents import load_catalogue, load_incident
from vshop.shop.client import Placed, ShopError
from vshop.shop.spans import Span
from vshop.shop.traces import Trace, TraceError
from vshop.shop.waterfall import draw

ORDER = "8b2bb4c0-8a03-46cf-a1a8-86f59e6a6bd5"


def span(trace_id="a" * 32, name="POST /orders", start=1, **attributes):
    return Span(
        trace_id=trace_id,
        span_id="1",
        parent_id=None,
        service="stock-updater",
        name=name,
        kind="CONSUMER",
        status="ERROR",
        status_message="",
        start_ns=start,
        end_ns=start + 10,
        attributes={"error.type": "ConditionalCheckFailedException"} | attributes,
        events=[],
        links=[],
        resource={},
    )


class FakeReader:
    def find_traces(self, _service, limit):
        ids = ("abc1".ljust(32, "0"), "abd2".ljust(32, "0"))
        return [Trace(one, [span(one, start=i, **{"shop.order.id": f"{i}{ORDER[1:]}"})]) for i, one in enumerate(ids)][-limit:]

    def search(self, _service, _tags):
        return ["f" * 32]


@pytest.mark.parametrize(
    ("given", "found"),
    [("abc", "abc1"), ("ABD", "abd2"), ("1b2bb", "abd2"), (None, "abd2"), (ORDER, "f"), ("e" * 32, "e")],
)
def test_a_trace_is_found_by_what_people_copy(given, found):
    assert references.find_trace(FakeReader(), given, last=given is None).startswith(found)


@pytest.mark.parametrize(("given", "told"), [("ab", "2 traces fit ab"), ("zzz", "There is no trace or order zzz")])
def test_an_unclear_id_is_refused(given, told):
    with pytest.raises(TraceError, match=told):
        references.find_trace(FakeReader(), given, last=False)


def test_a_dead_letter_is_found_by_its_trace_or_order():
    letters = [{"id": "0-1", "traceId": "abc", "value": f'{{"orderId":"{ORDER}"}}'}, {"id": "0-12", "traceId": "def", "value": ""}]

    found = [references.find_letter(letters, given, last=given is None) for given in ("0-1", "de", ORDER[:8], None)]

    assert found == ["0-1", "0-12", "0-1", "0-12"]


def test_a_word_that_is_no_possible_answer_is_refused(monkeypatch):
    sent = []

    class Shop:
        def exercise(self, method="GET", **_):
            sent.append(method)
            return {"choices": {"service": ["orders"], "component": ["kafka"], "errorType": ["none"]}}

    monkeypatch.setattr(exercise, "find", lambda: None)
    monkeypatch.setattr(exercise, "ShopClient", lambda _: Shop())

    with pytest.raises(typer.BadParameter, match="Did you mean 'orders'"):
        exercise.answer(service="order", part="kafka", error="none")
    with pytest.raises(typer.BadParameter, match="Give --service"):
        exercise.answer(service="orders")
    assert sent == ["GET"]


def test_an_exercise_hides_the_switches(monkeypatch):
    class Shop:
        def exercise(self):
            return {"running": True}

    monkeypatch.setattr(chaos, "find", lambda: None)
    monkeypatch.setattr(chaos, "ShopClient", lambda _: Shop())

    with pytest.raises(ShopError, match="hidden"):
        chaos.status()


def test_a_scope_that_an_incident_does_not_allow_is_refused(capsys):
    with pytest.raises(typer.BadParameter, match="stock-consumer-stalled can only be on for all requests"):
        verify._in_scope([load_incident("stock-consumer-stalled")], "request", named=True)

    chosen = [one.id for one in verify._in_scope(list(load_catalogue().values()), "request", named=False)]

    assert "stock-consumer-stalled" not in chosen
    assert "stock-put-missing-key" in chosen
    assert "stock-consumer-stalled" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("ids", "telemetry_faults", "chosen", "faults"),
    [
        (None, False, 21, 0),
        (None, True, 0, 19),
        (["stock-sold-out", "clock-ahead", "clock-ahead"], False, 1, 1),
        (["clock-ahead"], False, 0, 1),
        (["stock-sold-out"], True, 1, 19),
    ],
)
def test_ids_and_an_option_choose_incidents_and_telemetry_faults(ids, telemetry_faults, chosen, faults):
    found = references.choose(ids, telemetry_faults=telemetry_faults)

    assert [len(one) for one in found] == [chosen, faults]


def test_the_suggested_command_shows_the_incident():
    command = chaos._command(load_incident("stock-slow-write"), [5], 0.25)

    assert command == "vshop order --item 5 --count 12"


@pytest.mark.parametrize("words", ["vshop chaos on stock-sl", "vshop incidents show stock-sl", "vshop verify stock-sl"])
def test_incident_ids_are_completed(words):
    env = {"_VSHOP_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}

    printed = CliRunner().invoke(app, [], env=env, prog_name="vshop").output

    assert printed.split() == ["stock-slow-but-healthy", "stock-slow-write"]


@pytest.mark.parametrize(("words", "status"), [(["chaos", "on", "nonsense"], 1), (["order", "--items", "1"], 2)])
def test_an_error_is_json_too(monkeypatch, capsys, words, status):
    monkeypatch.setattr(sys, "argv", ["vshop", *words, "--json"])

    with pytest.raises(SystemExit) as end:
        vshop.cli.main()

    assert end.value.code == status
    assert json.loads(capsys.readouterr().out)["error"]["message"]


def test_the_order_is_printed_before_its_trace_is_read(monkeypatch, capsys):
    placed = Placed(status=202, trace_id="a" * 32, order_id=ORDER, headers={}, body={})

    class Shop:
        def token(self, *_, **__):
            return "token"

        def place_order(self, *_, **__):
            return placed

    def fail(*_):
        raise TraceError("Traces cannot be read")

    monkeypatch.setattr(orders, "find", lambda: type("Addresses", (), {"traces": "http://127.0.0.1:9"}))
    monkeypatch.setattr(orders, "ShopClient", lambda _: Shop())
    monkeypatch.setattr(orders.Observer, "observe_when_complete", fail)

    for as_json in (False, True):
        with pytest.raises(SystemExit) as end:
            orders.order(as_json=as_json)
        assert end.value.code == 1
        printed = capsys.readouterr()
        assert ORDER in printed.out
        assert "Traces cannot be read" in printed.out + printed.err


def test_a_narrow_terminal_cuts_no_name():
    name = "process queuing.retail_site.new_orders.dlq"
    console = Console(width=80, record=True, file=None, force_terminal=False)
    with console.capture() as printed:
        console.print(draw(Trace("a" * 32, [span(name=name)]), 80))

    lines = printed.get().splitlines()
    assert any(name in line for line in lines)
    assert max(map(len, lines)) <= 80


def test_numbers_have_plurals():
    assert [output.plural(count, "trace") for count in (0, 1, 2)] == ["0 traces", "1 trace", "2 traces"]
