"""HTTP client of a shop."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import msgspec
import requests

from vshop.kit.demo_data import PASSWORD, SHOPPERS
from vshop.kit.http.session import failure_reason, http_session
from vshop.kit.settings import load
from vshop.kit.telemetry.alterations import Alteration
from vshop.kit.telemetry.modes import SDK
from vshop.shop.addresses import Addresses
from vshop.shop.flush import EXPORTERS, Flush, Flusher, ShopError
from vshop.shop.placed import Headers, Placed
from vshop.shop.spans import attributes

USERS = tuple(SHOPPERS)
TIMEOUT_S = 30

__all__ = ["PASSWORD", "USERS", "Placed", "ShopClient", "ShopError"]


class ShopClient:
    """A client of one shop."""

    def __init__(self, addresses: Addresses) -> None:
        self.addresses = addresses
        self._session = http_session("vshop")
        self._flusher = Flusher(addresses, self._call)

    def token(self, username: str = USERS[0], *, headers: dict[str, str] | None = None) -> str:
        """Log a shopper in and return a new access token. Raises ShopError, or SettingsError for SHOP_TOKEN_AUDIENCE."""
        login = {"grant_type": "password", "username": username, "password": PASSWORD, "audience": load().token_audience}
        answer = self._call("auth-stub", "POST", f"{self.addresses.auth}/oauth/token", json=login, headers=headers)
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
        response = self._send("orders", "POST", f"{self.addresses.orders}/orders", json=body, headers=sent)
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
        modes = []
        for service, url in (("orders", self.addresses.orders), ("stock-updater", self.addresses.stock)):
            checks = _json(self._send(service, "GET", f"{url}/readyz")).get("checks", {})
            modes.append(str(checks["telemetry"]["seen"]) if "telemetry" in checks else SDK)
        return ", ".join(dict.fromkeys(modes))

    def stock(self) -> list[dict[str, Any]]:
        """Return every item, sorted by number."""
        return list(self._call("stock-updater", "GET", f"{self.addresses.stock}/stock")["items"])

    def item(self, item_id: int) -> dict[str, Any]:
        """Return one item."""
        return self._call("stock-updater", "GET", f"{self.addresses.stock}/stock/{item_id}")

    def logs(self, **query: str | int) -> list[dict[str, Any]]:
        """Return log records; ``query``: traceId, service, severity, search, since, limit."""
        return list(self._call("observatory", "GET", f"{self.addresses.observatory}/api/logs", params=query)["records"])

    def metrics(self, name: str, service: str = "", *, points: int | None = None) -> list[dict[str, Any]]:
        """Return a metric's series, points oldest first, times in µs since the epoch."""
        query: dict[str, Any] = {"name": name, "service": service} | ({} if points is None else {"points": points})
        return list(self._call("observatory", "GET", f"{self.addresses.observatory}/api/metrics", params=query)["series"])

    def telemetry(self) -> dict[str, Any]:
        """Return how much the observatory holds, received and dropped."""
        return self._call("observatory", "GET", f"{self.addresses.observatory}/api/telemetry")

    def alerts(self, since: float | None = None, *, at: float | None = None, trace_ids: Sequence[str] = ()) -> list[dict[str, Any]]:
        """Return the alerts, also as of a time (seconds since the epoch), of some traces only."""
        query: dict[str, Any] = {} if since is None else {"since": f"{since:.6f}"}
        query |= {"at": f"{at:.6f}"} if at is not None else {}
        query |= {"traceId": list(trace_ids)} if trace_ids else {}
        return list(self._call("observatory", "GET", f"{self.addresses.observatory}/api/alerts", params=query)["alerts"])

    def dead_letters(self) -> list[dict[str, Any]]:
        """Return all dead letters, oldest first."""
        return list(self._call("stock-updater", "GET", f"{self.addresses.stock}/dlq")["letters"])

    def dead_letter(self, letter_id: str) -> dict[str, Any]:
        """Return one dead letter with all its headers."""
        return self._call("stock-updater", "GET", f"{self.addresses.stock}/dlq/{letter_id}")

    def replay(self, letter_id: str) -> dict[str, Any]:
        """Put a dead letter back on the topic of new orders."""
        return self._call("stock-updater", "POST", f"{self.addresses.stock}/dlq/{letter_id}/replay")

    def flush(
        self,
        parts: Sequence[str] = EXPORTERS,
        *,
        traces: Sequence[str] | None = None,
        offsets: Mapping[int, int] | None = None,
        within_s: float = 10.0,
        metrics: bool = True,
    ) -> Flush:
        """Flush services: see ``Flusher.flush``."""
        return self._flusher.flush(parts, traces=traces, offsets=offsets, within_s=within_s, metrics=metrics)

    def flush_forwarding(self, within_s: float = 10.0) -> bool:
        """Return whether the observatory forwards everything in time."""
        url = f"{self.addresses.observatory}/flush"
        return bool(self._call("observatory", "POST", url, json={"within": within_s})["flushed"])

    def switches(self) -> list[dict[str, Any]]:
        """Return every switch of the chaos board."""
        return list(self._call("console", "GET", f"{self.addresses.console}/chaos")["switches"])

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
        return self._call("console", "PUT", f"{self.addresses.console}/chaos/{quote(incident, safe='')}", json=body)

    def switch_off(self, incident: str) -> dict[str, Any]:
        """Switch an incident off, even if a service does not acknowledge."""
        return self._call("console", "DELETE", f"{self.addresses.console}/chaos/{quote(incident, safe='')}")

    def stored_spans(self, trace_id: str) -> list[dict[str, Any]]:
        """Return a trace's spans in OTLP's JSON, each with its ``service``."""
        url = f"{self.addresses.observatory}/api/v3/traces/{quote(trace_id, safe='')}"
        response = self._send("observatory", "GET", url)
        if response.status_code == requests.codes.not_found:
            return []
        return [
            {**span, "service": attributes(group["resource"]["attributes"]).get("service.name", "")}
            for group in _json(response).get("result", {}).get("resourceSpans", [])
            for scope in group["scopeSpans"]
            for span in scope["spans"]
        ]

    def telemetry_faults_on(self) -> list[dict[str, Any]]:
        """Return the telemetry faults that are on: ``{"id", "since", "until", "alter"}``."""
        return list(self._call("observatory", "GET", f"{self.addresses.observatory}/api/telemetry-faults")["faults"])

    def telemetry_fault_on(self, fault_id: str, alter: Sequence[Alteration], *, seconds: float | None = None) -> dict[str, Any]:
        """Switch a telemetry fault on for orders from now on, for so many seconds."""
        body = {"alter": msgspec.to_builtins(list(alter))} | ({} if seconds is None else {"seconds": seconds})
        url = f"{self.addresses.observatory}/api/telemetry-faults/{quote(fault_id, safe='')}"
        return self._call("observatory", "PUT", url, json=body)

    def telemetry_fault_off(self, fault_id: str | None = None) -> list[str]:
        """Switch one or all off; return the ids of those that were on."""
        name = "" if fault_id is None else f"/{quote(fault_id, safe='')}"
        return list(self._call("observatory", "DELETE", f"{self.addresses.observatory}/api/telemetry-faults{name}")["off"])

    def switch_all_off(self) -> dict[str, Any]:
        """Switch everything off; return ``{"revision", "off", "acknowledgedBy", "ackMs"}``."""
        answer = self._call("console", "DELETE", f"{self.addresses.console}/chaos")
        try:
            return answer | {"off": [*answer["off"], *self.telemetry_fault_off()]}
        except ShopError as error:
            if error.status is None:  # one that is down has none on: they are in its memory
                return answer
            raise

    def exercise(self, method: str = "GET", step: str = "", **body: Any) -> dict[str, Any]:
        """POST starts an exercise or does ``step`` (``/hint``, ``/answer``), DELETE ends it; return its state."""
        return self._call("console", method, f"{self.addresses.console}/api/exercise{step}", json=body)

    def reset_stock(self) -> dict[str, Any]:
        """Refill the stock and remove the dead letters; return both numbers, ``{"items", "deadLetters"}``."""
        return self._call("stock-updater", "POST", f"{self.addresses.stock}/reset")

    def clear_telemetry(self) -> dict[str, Any]:
        """Empty the observatory; return the numbers removed."""
        return self._call("observatory", "DELETE", f"{self.addresses.observatory}/api/telemetry")

    def clear_journal(self) -> int:
        """Clear the board's journal; return how many lines it held."""
        return int(self._call("console", "DELETE", f"{self.addresses.console}/journal")["lines"])

    def journal(self, since: str = "") -> list[dict[str, Any]]:
        """Return the journal, oldest first: all, or since a revision or RFC 3339 time."""
        url = f"{self.addresses.console}/journal"
        response = self._send("console", "GET", url, params={"since": since} if since else None)
        if not response.ok:
            raise ShopError(
                f"GET {url} answered {response.status_code}: {response.text[:300]}", hop="console", status=response.status_code
            )
        return [msgspec.json.decode(line) for line in response.content.splitlines() if line.strip()]

    def _call(self, hop: str, method: str, url: str, **options: Any) -> dict[str, Any]:
        response = self._send(hop, method, url, **options)
        answer = _json(response)
        if not response.ok:
            said = answer.get("detail") or answer.get("error_description") or answer.get("message") or response.text[:300]
            where = f"{hop} answered {response.status_code} to {method} {url}"
            told = f"{said} ({where})" if response.status_code < 500 and answer.get("detail") else f"{where}: {said}"
            raise ShopError(told, hop=hop, status=response.status_code)
        return answer

    def _send(self, hop: str, method: str, url: str, **options: Any) -> requests.Response:
        try:
            return self._session.request(method, url, timeout=TIMEOUT_S, **options)
        except requests.RequestException as error:
            message = f"{hop} cannot be reached at {url}: {failure_reason(error)}. Is the shop up? Check with `vshop status`."
            raise ShopError(message, hop=hop) from error


def _trace_id(traceresponse: str, answer: Mapping[str, Any]) -> str:
    found = traceresponse.split("-")[1] if traceresponse.count("-") > 1 else str(answer.get("traceId", ""))
    return found if found.strip("0") else ""


def _json(response: requests.Response) -> dict[str, Any]:
    try:
        answer = msgspec.json.decode(response.content)
    except msgspec.DecodeError:
        return {"detail": response.text[:300]}
    return answer if isinstance(answer, dict) else {"detail": response.text[:300]}
