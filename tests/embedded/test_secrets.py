import base64
import json
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import requests
from confluent_kafka import Producer

USER = "auth0|5ba1a9227dc7232e1aec4fd0"
HARMLESS = f"harmless-{secrets.token_hex(8)}"


def secret() -> str:
    return f"hush-{secrets.token_hex(12)}"


def forged(subject: str = USER, alg: str = "RS256") -> str:
    parts = ({"alg": alg, "typ": "JWT"}, {"jti": secrets.token_hex(12), "sub": subject})
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
    return ".".join([*encoded, secrets.token_urlsafe(32)])


class Sent(NamedTuple):
    what: str
    trace_id: str
    hushed: str


class Sender:
    def __init__(self, shop: Any, token: str) -> None:
        self.sent: list[Sent] = []
        self._shop = shop
        self._token = token
        self._http = requests.Session()
        self._http.trust_env = False

    def http(self, what: str, part: str, path: str, hushed: str, *, expect: int, **options: Any) -> None:
        method = options.pop("method", "POST")
        options["headers"] = {"X-Visitor": HARMLESS} | options.get("headers", {})
        response = self._http.request(method, self._shop.addresses[part] + path, timeout=30, **options)
        assert response.status_code == expect, f"{what}: {response.status_code} {response.text}"
        self.sent.append(Sent(what, response.headers["traceresponse"].split("-")[1], hushed))

    def order(self, what: str, hushed: str, *, expect: int = 202, headers: dict[str, str] | None = None, **fields: Any) -> None:
        body = {"itemId": 1, "username": USER, "quantity": 1} | fields
        sent = {"Authorization": f"Bearer {self._token}"} | (headers or {})
        self.http(what, "orders", "/orders", hushed, expect=expect, json=body, headers=sent)

    def login(self, what: str, hushed: str, *, expect: int = 403, **options: Any) -> None:
        self.http(what, "auth-stub", "/oauth/token", hushed, expect=expect, **options)

    def record(self, what: str, hushed: str, value: str, headers: dict[str, str] | None = None, key: str | None = None) -> None:
        trace_id = secrets.token_hex(16)
        carried = {"traceparent": f"00-{trace_id}-{secrets.token_hex(8)}-01"} | (headers or {})
        producer = Producer({"bootstrap.servers": self._shop.addresses["kafka"], "log_level": 0})
        producer.produce("queuing.retail_site.new_orders", value, key, headers=list(carried.items()))
        assert producer.flush(20) == 0
        self.sent.append(Sent(what, trace_id, hushed))


def send_orders(send: Sender, token: str) -> None:
    send.order("the shopper's token", token)
    for name in ("X-Api-Key", "Cookie", "X-Auth-Token", "Proxy-Authorization", "X-Client-Secret"):
        hushed = secret()
        send.order(f"header {name}", hushed, headers={name: f"sid={hushed}" if name == "Cookie" else hushed})
    for name in ("User-Agent", "Idempotency-Key", "baggage", "tracestate", "X-Whatever"):
        hushed = forged()
        context = {"traceparent": f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"} if name == "tracestate" else {}
        send.order(
            f"header {name}", hushed, headers={name: f"a={hushed}" if name in {"baggage", "tracestate"} else hushed} | context
        )
    for scheme in ("Bearer", "Basic", "Token", "bearer", ""):
        hushed = forged() if scheme == "Bearer" else secret()
        send.order(f"scheme {scheme!r}", hushed, expect=401, headers={"Authorization": f"{scheme} {hushed}".strip()})
    hushed = forged(alg="none")
    send.order("an unsigned token", hushed, expect=401, headers={"Authorization": f"Bearer {hushed}"})
    hushed = secrets.token_hex(12)
    send.order("a discount code like a token", hushed, expect=400, discountCode=f"eyJ{hushed}.x")
    hushed = forged("u")[:128]
    send.order("a user name like a token", hushed, expect=401, username=hushed)
    hushed = secret()
    send.order("a field that is none", hushed, expect=400, password=hushed)
    hushed = secret()
    send.order("a long body, cut in the secret", hushed, expect=400, filler="x" * 4000, access_token="y" * 90 + hushed)
    hushed = secret()
    send.http("a body that is no JSON", "orders", "/orders", hushed, expect=400, data=f'{{"password": "{hushed}', headers=JSON)
    for path in ("/orders?access_token={}", "/nowhere?api_key={}", "/orders?a=1&client_secret={}#x"):
        hushed = secret()
        send.http(path, "orders", path.format(hushed), hushed, expect=404 if "nowhere" in path else 405, method="GET")
    hushed = forged()
    send.http("a path", "orders", f"/{hushed}/orders", hushed, expect=404, method="GET")


def send_logins(send: Sender) -> None:
    fields = {"grant_type": "password", "username": USER, "audience": "https://virtual-shop.local/api"}
    for what, around in (
        ("plain", "{}"),
        ("with quotes", 'a"{}"b'),
        ("with a backslash", "a\\{}"),
        ("with an ampersand", "a&b {}"),
    ):
        for form in ("json", "data"):
            hushed = secret()
            send.login(f"a password {what} in {form}", hushed, **{form: fields | {"password": around.format(hushed)}})
    send.login("a number as password", "31415926535897", json=fields | {"password": 31415926535897})
    hushed = secret()
    send.login("a list as password", hushed, json=fields | {"password": [hushed]})
    hushed = secret()
    send.login("a password in the query", hushed, expect=400, params={"password": hushed}, data={"grant_type": "password"})
    hushed = secret()
    send.login("a form that is sloppy", hushed, expect=400, data=f"grant_type=password&password=it's{hushed}", headers=FORM)
    hushed = forged()
    auth = {"Authorization": f"Bearer {hushed}"}
    send.http("a forged token", "auth-stub", f"/api/v2/users/{USER}", hushed, expect=401, method="GET", headers=auth)
    hushed = forged()
    send.http("a token as user", "auth-stub", f"/api/v2/users/{hushed}", hushed, expect=401, method="GET")


def send_records(send: Sender) -> None:
    hushed = secret()
    send.record("a record's value", hushed, f'{{"password": "{hushed}", "orderId": 1}}')
    hushed = forged()
    send.record("a record's text", hushed, f"no JSON {hushed}")
    hushed = secret()
    send.record("a record's header", hushed, "{}", {"authorization": f"Bearer {hushed}"})
    hushed = forged()
    send.record("a record's key", hushed, "{}", key=hushed)


JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture(scope="module")
def sent(shop, client, reader) -> list[Sent]:
    token = client.token()
    send = Sender(shop, token)
    send_orders(send, token)
    send_logins(send)
    send_records(send)
    for one in send.sent:
        reader.wait(one.trace_id, lambda trace: any(span.kind in {"SERVER", "CONSUMER"} for span in trace.spans), timeout_s=30)
    return send.sent


Exported = dict[str, str]


@pytest.fixture(scope="module")
def exported(sent: list[Sent], shop, observatory, eventually: Callable[..., Any]) -> Exported:
    last = sent[-1].trace_id
    eventually(lambda: observatory.json("/api/logs", traceId=last)["records"])
    eventually(lambda: observatory.total("shop.orders.rejected"))
    texts = {"logs": observatory.text("/api/logs", limit=10**6), "metrics": observatory.text("/api/metrics")}
    for service in observatory.json("/api/services")["data"]:
        texts[f"traces of {service}"] = observatory.text("/api/traces", service=service, limit=10**6)
    for one in sent:
        texts["traces in v3"] = texts.get("traces in v3", "") + observatory.text(f"/api/v3/traces/{one.trace_id}")
    texts |= {path.name: path.read_text(errors="replace") for path in (Path(shop.state.home) / "logs").iterdir()}
    return texts


def revealing(hushed: str) -> list[str]:
    _, dot, rest = hushed.partition(".")
    return [half for part in rest.split(".") if len(part) > 8 for half in (part[:24], part[-24:])] if dot and rest else [hushed]


def test_no_secret_is_in_anything_exported(sent: list[Sent], exported: Exported):
    leaks = [
        f"{one.what}: …{text[at - 120 : at + 60]}… in {place}"
        for one in sent
        for place, text in exported.items()
        for at in [max(text.find(part) for part in revealing(one.hushed))]
        if at >= 0
    ]
    assert not leaks, "\n".join(leaks)


def test_what_is_no_secret_is_there(sent: list[Sent], exported: Exported):
    """Proves that the search above looks in the right places."""
    assert HARMLESS in exported["traces of orders"]
    assert HARMLESS in exported["traces of auth-stub"]
    assert HARMLESS in exported["traces in v3"]
    assert all(one.trace_id in exported["traces of stock-updater"] for one in sent if one.what.startswith("a record's"))
    for place in ("logs", "orders.log"):
        assert "placing new order" in exported[place]
    assert "shop.orders.rejected" in exported["metrics"]
    assert "[REDACTED]" in exported["traces of orders"]


def test_the_workshops_password_is_not_shown_either(client, observatory, exported: Exported):
    """It is a common word, so only fields are searched."""
    assert client.token()
    logins = observatory.json("/api/traces", service="auth-stub", operation="POST /oauth/token", limit=1000)["data"]
    tags = [tag for trace in logins for span in trace["spans"] for tag in span["tags"]]
    bodies = [json.loads(tag["value"]) for tag in tags if tag["key"] == "shop.http.request.body" and tag["value"][-1] == "}"]
    answers = [json.loads(tag["value"]) for tag in tags if tag["key"] == "shop.http.response.body"]
    assert {body["password"] for body in bodies} == {"[REDACTED]"}
    assert {answer["access_token"] for answer in answers if "access_token" in answer} == {"[REDACTED]"}
    assert not any('"password":"shopper"' in text.replace("\\", "").replace(" ", "") for text in exported.values())
