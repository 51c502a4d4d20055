import threading
from types import SimpleNamespace

import msgspec
import pytest
import requests

from console.page.samplers import Parts
from vshop.shop.addresses import Addresses

URL = "http://127.0.0.1:1"


@pytest.fixture
def parts() -> Parts:
    return Parts(Addresses(orders=URL, auth=URL, stock=URL, console=URL, traces=URL, observatory=URL))


def _not_ready(checks: dict[str, str]) -> SimpleNamespace:
    body = {"checks": {name: {"ok": False, "seen": seen} for name, seen in checks.items()}}
    return SimpleNamespace(ok=False, status_code=503, content=msgspec.json.encode(body))


def test_a_part_is_down_after_two_failed_probes_and_up_after_one_success(parts: Parts) -> None:
    parts.update([{"orders": "no answer"}])
    assert parts.down() == []
    parts.update([{"orders": "no answer"}])
    (first,) = parts.down()
    parts.update([{"orders": "still no answer"}])
    (later,) = parts.down()

    assert (first["part"], later["since"], later["reason"]) == ("orders", first["since"], "still no answer")
    parts.update([{}])
    assert parts.down() == []


@pytest.mark.parametrize(
    ("checks", "down"),
    [
        ({"kafka": "KafkaException: no broker"}, ["kafka"]),
        ({"dynamodb": "EndpointConnectionError: no answer", "group": "none"}, ["dynamodb"]),
        ({"dynamodb": "ClientError: there is no such table"}, []),
        ({"token": "InvalidTokenError: expired"}, []),
    ],
)
def test_a_failed_check_names_a_part_only_if_the_part_gave_no_answer(
    parts: Parts, monkeypatch: pytest.MonkeyPatch, checks: dict[str, str], down: list[str]
) -> None:
    monkeypatch.setattr(requests.Session, "get", lambda *_, **__: _not_ready(checks))

    for _ in range(2):
        parts.probe()

    assert [one["part"] for one in parts.down()] == down


def test_the_reason_is_librdkafkas_sentence(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = 'KafkaException: KafkaError{code=_TRANSPORT,val=-195,str="Failed to get metadata"}'
    monkeypatch.setattr(requests.Session, "get", lambda *_, **__: _not_ready({"kafka": seen}))

    for _ in range(2):
        parts.probe()

    assert parts.down()[0]["reason"] == "auth-stub reports Failed to get metadata"  # the first of four, in each round


def test_a_part_that_does_not_answer_does_not_hold_the_consoles_end(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, answers = threading.Event(), threading.Event()

    def hang(*_: object, **__: object) -> SimpleNamespace:
        asked.set()
        answers.wait(20)
        return _not_ready({})

    monkeypatch.setattr(requests.Session, "get", hang)
    prober = threading.Thread(target=parts.probe, daemon=True)
    prober.start()
    assert asked.wait(5)

    assert [one.name for one in threading.enumerate() if one.name.startswith("probe") and not one.daemon] == []
    answers.set()
    prober.join()
