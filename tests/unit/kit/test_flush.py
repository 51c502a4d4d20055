import threading
import time

import pytest
from flask import Flask

from vshop.kit.http import flush, problems


class Exports:
    def __init__(self):
        self.count = 0
        self.lost = 0
        self.go_on = threading.Event()
        self.go_on.set()
        self.begun = threading.Event()
        self.metrics = []

    def __call__(self, *, metrics):
        self.metrics.append(metrics)
        self.begun.set()
        assert self.go_on.wait(10)
        self.count += 1
        return self.lost


@pytest.fixture
def exports():
    return Exports()


@pytest.fixture
def work():
    return {"asked": [], "waiting": 0}


@pytest.fixture
def slow():
    return threading.Event()


@pytest.fixture
def app(exports, work, slow):
    app = Flask("flushed")
    problems.install(app)

    @app.get("/slow")
    def view():
        assert slow.wait(10)
        return "done"

    def wait(offsets, deadline):
        work["asked"].append((offsets, round(deadline - time.monotonic(), 1)))
        return work["waiting"]

    flush.install(app, "shop", exports, wait)
    return app


def test_a_flush_exports_and_returns_the_result(app, exports):
    answer = app.test_client().post("/flush").get_json()

    assert answer.pop("ms") >= 0
    assert answer == {"service": "shop", "flushed": True, "requests": 0, "waiting": 0, "lost": 0}
    assert exports.count == 1


@pytest.mark.parametrize(("what", "key"), [("lost", "lost"), ("waiting", "waiting")])
def test_lost_or_unprocessed_data_is_not_flushed(app, exports, work, what, key):
    exports.lost, work["waiting"] = (3, 0) if what == "lost" else (0, 3)

    answer = app.test_client().post("/flush").get_json()

    assert (answer["flushed"], answer[key]) == (False, 3)


def test_offsets_and_deadline_are_passed_to_the_consumer(app, work):
    app.test_client().post("/flush", json={"within": 2.5, "offsets": {"3": 17}})

    assert work["asked"] == [({3: 17}, 2.5)]


def test_a_flush_waits_for_requests_in_progress(app, exports, slow):
    """Their spans have not ended. Later requests do not matter."""
    answers, caller = {}, {"traceparent": f"00-{'a' * 32}-{'b' * 16}-01"}
    asker = threading.Thread(target=lambda: answers.update(slow=app.test_client().get("/slow", headers=caller).text))
    asker.start()
    try:
        first = app.test_client().post("/flush", json={"within": 0.05})
        others = app.test_client().post("/flush", json={"within": 0.05, "traces": ["b" * 32]})
        own = app.test_client().post("/flush", json={"within": 0.05, "traces": ["a" * 32]})
        assert [answer.get_json()["requests"] for answer in (first, others, own)] == [1, 0, 1]
        flusher = threading.Thread(target=lambda: answers.update(flush=app.test_client().post("/flush").get_json()))
        flusher.start()
    finally:
        slow.set()
        asker.join(10)
    flusher.join(10)

    assert answers["slow"] == "done"
    assert (answers["flush"]["flushed"], answers["flush"]["requests"]) == (True, 0)
    assert exports.count == 4


def test_flushes_during_an_export_share_the_next_export(app, exports):
    exports.go_on.clear()
    flushers = [threading.Thread(target=app.test_client().post, args=("/flush",)) for _ in range(6)]
    flushers[0].start()
    assert exports.begun.wait(10)
    for flusher in flushers[1:]:
        flusher.start()
    exports.go_on.set()
    for flusher in flushers:
        flusher.join(10)

    assert 2 <= exports.count <= 6
    assert not any(flusher.is_alive() for flusher in flushers)


@pytest.mark.parametrize(
    ("body", "kind", "status", "said"),
    [
        (b"{", "application/json", 400, "not valid"),
        (b'{"within": 61}', "application/json", 400, "within must be a decimal number of at most 60"),
        (b'{"offset": {}}', "application/json", 400, "offset is not a known field"),
        (b"within=1", "application/x-www-form-urlencoded", 415, "must be JSON"),
    ],
)
def test_an_invalid_body_exports_nothing(app, exports, body, kind, status, said):
    answer = app.test_client().post("/flush", data=body, content_type=kind)

    assert (answer.status_code, said in answer.get_json()["detail"]) == (status, True)
    assert exports.count == 0


def test_metrics_may_be_left_to_their_interval(app, exports):
    for body in ({}, {"metrics": False}, {"metrics": True}):
        app.test_client().post("/flush", json=body)

    assert exports.metrics == [True, False, True]
