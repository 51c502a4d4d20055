import json
import time

import pytest

from console.board.journal import Journal, Line
from vshop.kit.times import parse_utc


def entries(text: str) -> list[dict]:
    return [json.loads(line) for line in text.splitlines()]


def test_one_line_for_each_change(serve, follow, tmp_path) -> None:
    file = tmp_path / "journal.ndjson"
    console = serve(file, ack_timeout_s=0.3)
    _, follower = follow(console, "orders")
    before = time.time()
    console.put("orders-lost", json={"probability": 0.5, "items": [3], "for": 60})
    console.delete("orders-lost")
    console.put("orders-lost")
    console.delete()
    console.put("both-sides")
    answer = console.request("GET", "/journal")
    assert answer.headers["Content-Type"].startswith("application/x-ndjson")
    assert answer.text == file.read_text()
    told = entries(answer.text)
    assert [(line["incident"], line["state"], line["by"], line["revision"]) for line in told] == [
        ("orders-lost", "on", "api", 1),
        ("orders-lost", "off", "api", 2),
        ("orders-lost", "on", "api", 3),
        ("orders-lost", "off", "reset", 4),
        ("both-sides", "on", "api", 5),
        ("both-sides", "off", "rollback", 6),
    ]
    first = told[0]
    assert (first["probability"], first["items"], first["acknowledgedBy"]) == (0.5, [3], [follower.name])
    assert before - 0.001 <= parse_utc(first["time"]) <= time.time()
    assert parse_utc(first["until"]) - parse_utc(first["time"]) == pytest.approx(60, abs=1)
    assert 0 < first["ackMs"] < told[4]["ackMs"] >= 300
    assert first["time"].endswith("Z")


def test_since_takes_a_revision_or_a_time(console, follow) -> None:
    follow(console, "orders")
    for _ in range(3):
        console.put("orders-lost")
    everything = entries(console.request("GET", "/journal").text)
    assert [line["revision"] for line in entries(console.request("GET", "/journal?since=2").text)] == [3]
    assert entries(console.request("GET", "/journal", params={"since": everything[0]["time"]}).text) == everything
    assert console.request("GET", "/journal?since=2999-01-01T00:00:00%2B01:00").text == ""


@pytest.mark.parametrize("since", ["yesterday", "-1", "2026-13-01"])
def test_wrong_since(unfollowed, since) -> None:
    answer = unfollowed.request("GET", "/journal", params={"since": since})
    assert (answer.status_code, answer.json()["field"]) == (400, "since")


def test_switching_off_twice_writes_no_line(console, follow) -> None:
    follow(console, "orders")
    console.delete("orders-lost")
    console.delete()
    assert console.journal.lines() == []


def test_torn_and_foreign_lines_are_skipped(tmp_path) -> None:
    file = tmp_path / "journal.ndjson"
    Journal(file).append([Line(time="2026-01-31T12:00:00.000Z", incident="a-b", state="on", revision=1)])
    with file.open("a") as out:
        out.write('{"other": 1}\n{"time": "2026-')
    journal = Journal(file)
    assert [line.revision for line in journal.lines()] == [1]
    journal.append([Line(time="2026-01-31T12:00:01.000Z", incident="a-b", state="off", revision=2)])
    assert [line.revision for line in Journal(file).lines()] == [1, 2]


def test_lines_of_removed_incidents_are_ignored(serve, tmp_path) -> None:
    file = tmp_path / "journal.ndjson"
    Journal(file).append([Line(time="2026-01-31T12:00:00.000Z", incident="long-gone", state="on", revision=41)])
    console = serve(file)
    assert console.on() == set()
    assert console.board.snapshot().revision == 41


def test_only_the_latest_lines_are_in_memory(tmp_path) -> None:
    journal = Journal(tmp_path / "journal.ndjson", keep=2)
    for revision in range(1, 5):
        journal.append([Line(time="2026-01-31T12:00:00.000Z", incident="a-b", state="on", revision=revision)])
    assert [line.revision for line in journal.lines()] == [3, 4]
    assert len((tmp_path / "journal.ndjson").read_text().splitlines()) == 4


def test_an_unwritable_journal_refuses_changes(serve, follow, tmp_path) -> None:
    file = tmp_path / "folder" / "journal.ndjson"
    console = serve(file)
    provider, _ = follow(console, "orders")
    file.mkdir()
    answer = console.put("orders-lost")
    assert (answer.status_code, console.on()) == (503, set())
    assert "journal" in answer.json()["detail"]
    ready = console.request("GET", "/readyz")
    assert (ready.status_code, ready.json()["checks"]["journal"]["ok"]) == (503, False)
    assert console.delete().status_code == 200
    assert provider.switches == {}


def test_it_can_be_cleared_when_nothing_is_on(serve, follow, tmp_path) -> None:
    """The old file is renamed, and revisions continue."""
    file = tmp_path / "journal.ndjson"
    console = serve(file)
    follow(console, "orders")
    console.put("orders-lost")
    refused = console.request("DELETE", "/journal")
    assert (refused.status_code, refused.json()["detail"]) == (409, "orders-lost must be off first: DELETE /chaos.")
    assert len(entries(file.read_text())) == 1
    console.delete()

    assert console.request("DELETE", "/journal").json() == {"lines": 2}
    assert console.request("GET", "/journal").text == ""
    assert len(entries((tmp_path / "journal.ndjson.before").read_text())) == 2
    console.put("orders-lost")
    assert [line["revision"] for line in entries(file.read_text())] == [3]
    console.stop()
    console.start()
    assert console.on() == {"orders-lost"}
