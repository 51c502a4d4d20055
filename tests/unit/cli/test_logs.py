import pytest

from vshop.cli import signals

RECORD = {"time": None, "timestamp": 0, "traceId": "", "eventName": ""}


@pytest.mark.parametrize("text", ["[/]", "[red]", "[/x] [b", "\N{SNOWMAN}"])
def test_brackets_are_no_markup(monkeypatch, capsys, text):
    record = RECORD | {"severity": text, "service": text, "body": {text: text}, "exception": {"type": text, "message": text}}

    class Client:
        def __init__(self, _addresses):
            """Know no address."""

        def logs(self, **_query):
            return [record]

    monkeypatch.setattr(signals, "find", lambda: None)
    monkeypatch.setattr(signals, "ShopClient", Client)
    signals.logs(limit=50)

    assert capsys.readouterr().out.count(text) >= 4
