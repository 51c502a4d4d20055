"""Every error is a problem (RFC 9457); nobody outside sees a stack."""

import pytest
from flask import Flask, abort, request
from opentelemetry.trace import StatusCode

from vshop.kit.http import health, problems
from vshop.kit.http.problems import Problem


@pytest.fixture
def client(tmp_path):
    module = str(tmp_path / "app.py")
    (tmp_path / "openapi.yaml").write_text("openapi: 3.1.0")
    app = Flask("failing")
    app.config["MAX_CONTENT_LENGTH"] = 10
    problems.install(app)

    def fine():
        return "a broker"

    def away():
        raise ConnectionError("refused")

    app.register_blueprint(health.blueprint("failing", {"kafka": fine, "dynamodb": away}, module), url_prefix="/bad")
    app.register_blueprint(health.blueprint("failing", {"kafka": fine}, module), url_prefix="/good", name="good")
    app.add_url_rule("/ours", view_func=_ours)
    app.add_url_rule("/unforeseen", view_func=_unforeseen)
    app.add_url_rule("/teapot", view_func=lambda: abort(418))
    app.add_url_rule("/slashed/", view_func=lambda: "here", endpoint="slashed")
    app.add_url_rule("/read", view_func=_read, methods=["POST"])
    return app.test_client()


def _ours():
    raise Problem(503, "Kafka is away.", headers={"Retry-After": "5"}, hop="kafka", field=None)


def _unforeseen():
    raise ZeroDivisionError("the inside of it")


def _read():
    return request.get_data()


def test_a_problem_becomes_the_response(client):
    response = client.get("/ours")

    assert (response.status_code, response.mimetype) == (503, "application/problem+json")
    assert response.headers["Retry-After"] == "5"
    assert response.get_json() == {"title": "Service Unavailable", "status": 503, "detail": "Kafka is away.", "hop": "kafka"}


def test_an_unexpected_exception_shows_the_trace_id_only(client, tracer):
    with tracer.start_as_current_span("GET") as span:
        response = client.get("/unforeseen")

    assert (response.status_code, response.mimetype) == (500, "application/problem+json")
    assert response.get_json()["traceId"] == f"{span.get_span_context().trace_id:032x}"
    for inside in ("ZeroDivisionError", "the inside of it", "Traceback", __file__):
        assert inside not in response.text
    assert span.status.status_code == StatusCode.ERROR
    assert [event.attributes["exception.message"] for event in span.events] == ["the inside of it"]
    assert span.attributes["error.type"] == "ZeroDivisionError"


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/none", 404), ("POST", "/ours", 405), ("GET", "/teapot", 418)])
def test_flasks_errors_are_problems(client, method, path, status):
    response = client.open(path, method=method)

    assert (response.status_code, response.mimetype) == (status, "application/problem+json")
    assert response.get_json()["status"] == status
    assert (status == 405) == ("Allow" in response.headers)


def test_a_body_over_the_limit_returns_413(client):
    assert client.post("/read", data=b"x" * 11).get_json()["status"] == 413


def test_a_redirect_stays_a_redirect(client):
    response = client.get("/slashed")

    assert (response.status_code, response.headers["Location"]) == (308, "http://localhost/slashed/")


def test_liveness_ignores_failing_checks(client):
    assert client.get("/bad/healthz").get_json() == {"service": "failing", "status": "alive"}


def test_readiness_returns_the_result_of_every_check(client):
    response = client.get("/good/readyz")

    body = response.get_json()
    assert (response.status_code, body["status"]) == (200, "ready")
    assert (body["checks"]["kafka"]["ok"], body["checks"]["kafka"]["seen"]) == (True, "a broker")
    assert body["checks"]["kafka"]["ms"] >= 0


def test_a_failing_check_returns_503(client):
    response = client.get("/bad/readyz")

    checks = response.get_json()["checks"]
    assert (response.status_code, response.get_json()["status"]) == (503, "not ready")
    assert (checks["dynamodb"]["ok"], checks["dynamodb"]["seen"]) == (False, "ConnectionError: refused")
    assert checks["kafka"]["ok"] is True
