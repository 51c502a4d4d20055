"""HTTP client of a shop."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import quote

import msgspec
import requests

from vshop.kit.demo_data import PASSWORD, SHOPPERS
from vshop.kit.http import json_body
from vshop.kit.http.session import failure_reason, http_session
from vshop.kit.settings import load
from vshop.kit.telemetry.alterations import Alteration
from vshop.kit.telemetry.modes import SDK
from vshop.shop.addresses import Addresses
from vshop.shop.errors import ShopError
from vshop.shop.flush import Flusher
from vshop.shop.spans import Span, read_spans

USERS = tuple(SHOPPERS)
TIMEOUT_S = 30
_Kind = TypeVar("_Kind")

__all__ = ["PASSWORD", "USERS", "Placed", "ShopClient", "ShopError"]


class Headers(dict[str, str]):
    """Names in lower case, found in any case (RFC 9110, 5.1)."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        super().__init__({name.lower(): value for name, value in headers.items()})

    def __getitem__(self, name: str) -> str:
        return super().__getitem__(name.lower())

    def get(self, name: str, default: Any = None) -> Any:  # dict's does not call __getitem__
        return super().get(name.lower(), default)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and super().__contains__(name.lower())


class Placed(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """The answer to ``POST /orders``.

    ``order_id`` is None if it was not accepted, ``trace_id`` empty if nothing traces orders.
    """

    status: int
    trace_id: str
    order_id: str | None = None
    trace_url: str | None = None
    headers: dict[str, str]
    body: Any

    @property
    def accepted(self) -> bool:
        """Whether the shop accepted the order."""
        return self.status == 202

    @property
    def span_id(self) -> str | None:
        """The span that answered."""
        return self._traceresponse[2] if self._traceresponse else None

    @property
    def sampled(self) -> bool:
        """Whether the shop records the trace."""
        return not self._traceresponse or bool(int(self._traceresponse[3], 16) & 1)

    @property
    def _traceresponse(self) -> list[str] | None:
        """Version, trace id, span id and flags: https://www.w3.org/TR/trace-context-2/#traceresponse-header."""
        value = next((value for name, value in self.headers.items() if name.lower() == "traceresponse"), None)
        return None if value is None else value.split("-")


class ShopClient:
    """A client of one shop."""

    def __init__(self, addresses: Addresses) -> None:
        self.addresses = addresses
        self._session = http_session("vshop", connections=32)
        self._urls = addresses.by_part()
        self.flush = Flusher(addresses, self._call).flush

    def token(self, username: str = USERS[0], *, headers: dict[str, str] | None = None) -> str:
        """Log a shopper in and return a new access token. Raises ShopError, or SettingsError for SHOP_TOKEN_AUDIENCE."""
        login = {"grant_type": "password", "username": username, "password": PASSWORD, "audience": load().token_audience}
        answer = self._call("auth-stub", "POST", "/oauth/token", json=login, headers=headers)
        return str(answer["access_token"])

    def place_order(
        self,
        item_id: int = 1,
        quantity: int = 1,
        *,
        username: str = USERS[0],
        discount_code: str | None = None,
        token: str | None = "",
        headers: dict[str, str] | None = None,
    ) -> Placed:
        """Place an order, and return the answer whether or not it is accepted. Raises ShopError.

        A new token is sent when ``token`` is empty, and no Authorization header when it is None.
        """
        body = {"itemId": item_id, "username": username, "quantity": quantity}
        if discount_code is not None:
            body["discountCode"] = discount_code
        sent = dict(headers or {})
        if token is not None:
            sent["Authorization"] = f"Bearer {token or self.token(username)}"
        response = self._send("orders", "POST", "/orders", json=body, headers=sent)
        answer = _json(response)
        accepted = response.status_code == 202
        return Placed(
            status=response.status_code,
            trace_id=_trace_id(response.headers.get("traceresponse", ""), answer),
            order_id=answer["orderId"] if accepted else None,
            trace_url=answer["traceUrl"] if accepted else None,
            headers=Headers(response.headers),
            body=answer,
        )

    def telemetry_mode(self) -> str:
        """Return the services' telemetry mode; different ones are joined by a comma."""
        answers = [_json(self._send(service, "GET", "/readyz")) for service in ("orders", "stock-updater")]
        modes = (str(answer.get("checks", {}).get("telemetry", {"seen": SDK})["seen"]) for answer in answers)
        return ", ".join(dict.fromkeys(modes))

    def stock(self) -> list[dict[str, Any]]:
        """Return every item, sorted by number."""
        return list(self.get("stock-updater", "/stock")["items"])

    def item(self, item_id: int) -> dict[str, Any]:
        """Return one item."""
        return self.get("stock-updater", f"/stock/{item_id}")

    def logs(self, **query: str | int | None) -> list[dict[str, Any]]:
        """Return log records; ``query``, without what is None: traceId, service, severity, search, since, limit."""
        return list(self.get("observatory", "/api/logs", query)["records"])

    def metrics(self, name: str, service: str = "", *, points: int | None = None) -> list[dict[str, Any]]:
        """Return a metric's series, points oldest first, times in µs since the epoch."""
        query = {"name": name, "service": service, "points": points}
        return list(self.get("observatory", "/api/metrics", query)["series"])

    def telemetry(self) -> dict[str, Any]:
        """Return how much the observatory holds, received and dropped."""
        return self.get("observatory", "/api/telemetry")

    def alerts(self, since: float | None = None, *, at: float | None = None, trace_ids: Sequence[str] = ()) -> list[dict[str, Any]]:
        """Return the alerts, also as of a time (seconds since the epoch), of some traces only."""
        times = {name: None if seconds is None else f"{seconds:.6f}" for name, seconds in (("since", since), ("at", at))}
        return list(self.get("observatory", "/api/alerts", times | {"traceId": trace_ids})["alerts"])

    def dead_letters(self) -> list[dict[str, Any]]:
        """Return all dead letters, oldest first."""
        return list(self.get("stock-updater", "/dlq")["letters"])

    def dead_letter(self, letter_id: str) -> dict[str, Any]:
        """Return one dead letter with all its headers."""
        return self.get("stock-updater", f"/dlq/{letter_id}")

    def replay(self, letter_id: str) -> dict[str, Any]:
        """Put a dead letter back on the topic of new orders."""
        return self._call("stock-updater", "POST", f"/dlq/{letter_id}/replay")

    def flush_forwarding(self, within_s: float = 10.0) -> bool:
        """Return whether the observatory forwards everything in time."""
        return bool(self._call("observatory", "POST", "/flush", json={"within": within_s})["flushed"])

    def switches(self) -> list[dict[str, Any]]:
        """Return every switch of the chaos board."""
        return list(self.get("console", "/chaos")["switches"])

    def switched_on(self) -> list[str]:
        """Return the ids of the incidents that are on."""
        return [str(switch["id"]) for switch in self.switches() if switch["on"]]

    def switch_on(
        self, incident: str, *, probability: float | None = None, duration: str | None = None, items: Sequence[int] = ()
    ) -> dict[str, Any]:
        """Switch an incident on for everybody, or a share (0 to 1), or orders for items; ``duration`` is such as ``60s``.

        Returns the switch. Raises ShopError if a value is invalid, or a service did not acknowledge; the switch stays off.
        """
        options = {"probability": probability, "for": duration, "items": list(items) or None}
        body = {"on": True} | {name: value for name, value in options.items() if value is not None}
        return self._call("console", "PUT", f"/chaos/{quote(incident, safe='')}", json=body)

    def switch_off(self, incident: str) -> dict[str, Any]:
        """Switch an incident off, even if a service does not acknowledge."""
        return self._call("console", "DELETE", f"/chaos/{quote(incident, safe='')}")

    def stored_spans(self, trace_id: str) -> list[Span]:
        """Return the spans of a trace that the observatory has stored; none of an unknown trace."""
        return read_spans(_json(self._send("observatory", "GET", f"/api/v3/traces/{quote(trace_id, safe='')}")))

    def telemetry_faults_on(self) -> list[dict[str, Any]]:
        """Return the telemetry faults that are on: ``{"id", "since", "until", "alter"}``."""
        return list(self.get("observatory", "/api/telemetry-faults")["faults"])

    def telemetry_fault_on(self, fault_id: str, alter: Sequence[Alteration], *, seconds: float | None = None) -> dict[str, Any]:
        """Switch a telemetry fault on for orders from now on, for so many seconds."""
        body = {"alter": msgspec.to_builtins(list(alter))} | ({} if seconds is None else {"seconds": seconds})
        return self._call("observatory", "PUT", f"/api/telemetry-faults/{quote(fault_id, safe='')}", json=body)

    def telemetry_fault_off(self, fault_id: str | None = None) -> list[str]:
        """Switch one or all off; return the ids of those that were on."""
        name = "" if fault_id is None else f"/{quote(fault_id, safe='')}"
        return list(self._call("observatory", "DELETE", f"/api/telemetry-faults{name}")["off"])

    def switch_all_off(self) -> dict[str, Any]:
        """Switch everything off; return ``{"revision", "off", "acknowledgedBy", "ackMs"}``."""
        answer = self._call("console", "DELETE", "/chaos")
        try:
            return answer | {"off": [*answer["off"], *self.telemetry_fault_off()]}
        except ShopError as error:
            if error.status is None:  # one that is down has none on: they are in its memory
                return answer
            raise

    def exercise(self, method: str = "GET", step: str = "", **body: Any) -> dict[str, Any]:
        """POST starts an exercise or does ``step`` (``/hint``, ``/answer``), DELETE ends it; return its state."""
        return self._call("console", method, f"/api/exercise{step}", json=body)

    def reset_stock(self) -> dict[str, Any]:
        """Refill the stock and remove the dead letters; return both numbers, ``{"items", "deadLetters"}``."""
        return self._call("stock-updater", "POST", "/reset")

    def clear_telemetry(self) -> dict[str, Any]:
        """Empty the observatory; return the numbers removed."""
        return self._call("observatory", "DELETE", "/api/telemetry")

    def clear_journal(self) -> int:
        """Clear the board's journal; return how many lines it held."""
        return int(self._call("console", "DELETE", "/journal")["lines"])

    def journal(self, since: str = "") -> list[dict[str, Any]]:
        """Return the journal, oldest first: all, or since a revision or RFC 3339 time."""
        response = self._checked("console", "GET", "/journal", params={"since": since or None})
        return [msgspec.json.decode(line) for line in response.content.splitlines() if line.strip()]

    def get(self, hop: str, path: str, params: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Read a part's JSON object, without the parameters that are None. Raises ShopError."""
        return self._call(hop, "GET", path, params=params)

    def read(self, hop: str, path: str, params: Mapping[str, Any], kind: type[_Kind]) -> _Kind:
        """Read a part's JSON as a type. Raises ShopError."""
        return _decode(self._checked(hop, "GET", path, params=params), hop, kind)

    def _call(self, hop: str, method: str, path: str, **options: Any) -> dict[str, Any]:
        return _decode(self._checked(hop, method, path, **options), hop, dict[str, Any])

    def _checked(self, hop: str, method: str, path: str, **options: Any) -> requests.Response:
        response = self._send(hop, method, path, **options)
        if not response.ok:
            answer = _json(response)
            said = answer.get("detail") or answer.get("error_description") or answer.get("message") or response.text[:300]
            where = f"{hop} answered {response.status_code} to {method} {self._urls[hop]}{path}"
            message = f"{said} ({where})" if response.status_code < 500 and answer.get("detail") else f"{where}: {said}"
            raise ShopError(message, hop=hop, status=response.status_code, detail=said)
        return response

    def _send(self, hop: str, method: str, path: str, **options: Any) -> requests.Response:
        url = self._urls[hop] + path
        try:
            return self._session.request(method, url, timeout=TIMEOUT_S, **options)
        except requests.RequestException as error:
            reason = failure_reason(error)
            message = f"{hop} cannot be reached at {url}: {reason}. Is the shop up? Check with `vshop status`."
            raise ShopError(message, hop=hop, detail=f"{hop} does not answer: {reason}.") from error


def _decode(response: requests.Response, hop: str, kind: type[_Kind]) -> _Kind:
    try:
        return json_body.decode(response.content, kind)
    except msgspec.DecodeError as error:
        raise ShopError(f"{hop} did not answer with JSON, or not as expected, to {response.url}.", hop=hop, status=502) from error


def _trace_id(traceresponse: str, answer: Mapping[str, Any]) -> str:
    found = traceresponse.split("-")[1] if traceresponse.count("-") > 1 else str(answer.get("traceId", ""))
    return found if found.strip("0") else ""


def _json(response: requests.Response) -> dict[str, Any]:
    try:
        answer = msgspec.json.decode(response.content)
    except msgspec.DecodeError:
        return {"detail": response.text[:300]}
    return answer if isinstance(answer, dict) else {"detail": response.text[:300]}
