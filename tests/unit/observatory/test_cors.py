import pytest

from observatory.app import create_app
from observatory.forward import Forwarding
from observatory.ingest import Receiver

ASK = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type,x-key"}
LOOPBACK = ["http://localhost:5173", "http://127.0.0.1", "https://[::1]:8443", "http://shop.localhost:80"]
OTHERS = ["http://evil.example", "http://localhost.evil.example", "null", "file://", "http://[", "http://10.0.0.1"]
PATHS = ["/v1/traces", "/v1/logs/", "/v1/metrics", "/api/v2/spans"]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("origin", LOOPBACK)
def test_a_loopback_page_may_send(client, path, origin):
    preflight = client.options(path, headers={"Origin": origin, **ASK})
    assert (preflight.status_code, preflight.headers["Access-Control-Allow-Origin"]) == (204, origin)
    assert preflight.headers["Access-Control-Allow-Headers"] == "content-type,x-key"
    sent = client.post(path, json=[] if "spans" in path else {}, headers={"Origin": origin})
    assert (sent.status_code // 100, sent.headers["Access-Control-Allow-Origin"]) == (2, origin)
    assert "Origin" in sent.headers["Vary"]


@pytest.mark.parametrize("origin", OTHERS)
def test_another_page_may_not(client, origin):
    preflight = client.options("/v1/traces", headers={"Origin": origin, **ASK})
    assert "Access-Control-Allow-Origin" not in preflight.headers
    sent = client.post("/v1/traces", json={}, headers={"Origin": origin})
    assert sent.status_code == 403
    assert "SHOP_CORS_ORIGINS" in sent.get_json()["detail"]


@pytest.mark.parametrize("setting", ["https://shop.example/, http://b.example", "*"])
def test_a_setting_allows_more_origins(stores, rules, setting):
    app = create_app(Receiver(stores, Forwarding()), rules, cors_origins=setting).test_client()
    sent = app.post("/v1/traces", json={}, headers={"Origin": "https://shop.example"})
    assert (sent.status_code, sent.headers["Access-Control-Allow-Origin"]) == (200, "https://shop.example")


def test_other_paths_are_not_shared(client):
    assert client.delete("/api/telemetry", headers={"Origin": "http://localhost:5173"}).status_code == 403
    assert "Access-Control-Allow-Origin" not in client.get("/api/services", headers={"Origin": "http://localhost:5173"}).headers
