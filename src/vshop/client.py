"""Speaks HTTP to a shop as its shopper and its operator do: order, look at stock and telemetry, turn the board's switches."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

import msgspec
import requests

from vshop.addresses import Addresses
from vshop.kit.http_session import http_session, why
from vshop.kit.settings import load

USERS = ("auth0|5ba1a9227dc7232e1aec4fd0", "auth0|5ba1a9227dc7232e1aec4fd1", "auth0|5ba1a9227dc7232e1aec4fd2")
PASSWORD = "shopper"
TIMEOUT_S = 30


class ShopError(Exception):
    """A part of the shop could not be reached, or refused; the text says which, what it said and what to do."""

    def __init__(self, message: str, *, hop: str, status: int | None = None) -> None:
        super().__init__(message)
        self.hop = hop
        self.status = status


class Placed(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """What came of ``POST /orders``: its status, its ids, its headers and body. ``order_id`` is None when it was not accepted."""

    status: int
    trace_id: str
    order_id: str | None = None
    trace_url: str | None = None
    headers: dict[str, str]
    body: Any

    @property
    def accepted(self) -> bool:
        """Whether the shop has the order."""
        return self.status == 202


class ShopClient:
    """One shop, by the addresses of its parts."""

    def __init__(self, addresses: Addresses) -> None:
        """Args: addresses: where its parts are. Nothing connects yet."""
        self.addresses = addresses
        self._session = http_session("vshop")

    def token(self, username: str = USERS[0], *, headers: dict[str, str] | None = None) -> str:
        """Log a shopper in.

        Args:
            username: who.
            headers: headers to send, such as ``baggage``.

        Returns:
            A fresh access token.

        Raises:
            ShopError: auth cannot be reached, or refuses.
            SettingsError: a ``SHOP_*`` variable cannot be used; one of them tells the audience.
        """
        login = {"grant_type": "password", "username": username, "password": PASSWORD, "audience": load().token_audience}
        answer = self._call("auth-stub", "POST", f"{self.addresses.auth}/oauth/token", json=login, headers=headers)
        return str(answer["access_token"])

    def place_order(  # noqa: D417 - the fields of an order are those of POST /orders
        self,
        item_id: int = 1,
        quantity: int = 1,
        *,
        username: str = USERS[0],
        discount_code: str | None = None,
        token: str | None = "",
        headers: dict[str, str] | None = None,
    ) -> Placed:
        """Place an order, whatever comes of it.

        Args:
            token: access token to send; a fresh one when empty, no Authorization header at all when None.
            headers: more headers, such as ``Idempotency-Key``, ``traceparent`` or ``baggage``.

        Raises:
            ShopError: orders cannot be reached, or no token is to be had.
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
            trace_id=response.headers.get("traceresponse", "--").split("-")[1],
            order_id=answer["orderId"] if accepted else None,
            trace_url=answer["traceUrl"] if accepted else None,
            headers=dict(response.headers),
            body=answer,
        )

    def stock(self) -> list[dict[str, Any]]:
        """Return every item of the table, in the order of their numbers."""
        return list(self._call("stock-updater", "GET", f"{self.addresses.stock}/stock")["items"])

    def item(self, item_id: int) -> dict[str, Any]:
        """Return one item of the table."""
        return self._call("stock-updater", "GET", f"{self.addresses.stock}/stock/{item_id}")

    def logs(self, **query: str | int) -> list[dict[str, Any]]:
        """Return log records; ``query`` is the observatory's: traceId, service, severity, search, since, limit."""
        return list(self._call("observatory", "GET", f"{self.addresses.observatory}/api/logs", params=query)["records"])

    def metrics(self, name: str, service: str = "") -> list[dict[str, Any]]:
        """Return the series of a metric with their points, the oldest first; times are microseconds since the epoch."""
        query = {"name": name, "service": service}
        return list(self._call("observatory", "GET", f"{self.addresses.observatory}/api/metrics", params=query)["series"])

    def telemetry(self) -> dict[str, Any]:
        """Return what the observatory holds, received and dropped, by signal."""
        return self._call("observatory", "GET", f"{self.addresses.observatory}/api/telemetry")

    def alerts(self, since: float | None = None) -> list[dict[str, Any]]:
        """Return the alerts as they are now.

        Args:
            since: judge only what happened since then, in seconds since the epoch; each rule's own window when not given.
        """
        query = {} if since is None else {"since": f"{since:.6f}"}
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

    def switches(self) -> list[dict[str, Any]]:
        """Return every switch of the chaos board as it stands."""
        return list(self._call("console", "GET", f"{self.addresses.console}/chaos")["switches"])

    def switched_on(self) -> list[str]:
        """Return the ids of what is on."""
        return [str(switch["id"]) for switch in self.switches() if switch["on"]]

    def switch_on(
        self, incident: str, *, probability: float | None = None, duration: str | None = None, items: Sequence[int] = ()
    ) -> dict[str, Any]:
        """Switch an incident on for everybody.

        Args:
            incident: its id.
            probability: share of the requests it is on for, 0 to 1; all when not given.
            duration: after how long it is off again by itself, such as ``60s``.
            items: only for orders of these items; for all when empty.

        Returns:
            The switch as it stands, with ``acknowledgedBy`` and ``ackMs``: every service concerned has taken it over.

        Raises:
            ShopError: there is no such switch, a value is wrong, or a service did not acknowledge; nothing is on then.
        """
        wish = {"probability": probability, "for": duration, "items": list(items) or None}
        body = {"on": True} | {name: value for name, value in wish.items() if value is not None}
        return self._call("console", "PUT", f"{self.addresses.console}/chaos/{quote(incident, safe='')}", json=body)

    def switch_off(self, incident: str) -> dict[str, Any]:
        """Switch an incident off; returns and raises as :meth:`switch_on`, but it stays off in any case."""
        return self._call("console", "DELETE", f"{self.addresses.console}/chaos/{quote(incident, safe='')}")

    def switch_all_off(self) -> dict[str, Any]:
        """Switch everything off; returns ``{"revision", "off": [ids], "acknowledgedBy", "ackMs"}``."""
        return self._call("console", "DELETE", f"{self.addresses.console}/chaos")

    def exercise(self, method: str = "GET", step: str = "", **body: Any) -> dict[str, Any]:
        """Do a step of the console's exercise; returns how it then stands.

        Args:
            method: POST begins or does ``step``, DELETE gives up, GET looks.
            step: ``/hint`` or ``/answer``.
            body: what the step is told.

        Raises:
            ShopError: no exercise is under way (status 409).
        """
        return self._call("console", method, f"{self.addresses.console}/api/exercise{step}", json=body)

    def reset_stock(self) -> dict[str, Any]:
        """Fill the stock up and remove the dead letters; returns ``{"items", "deadLetters"}``: how many.

        Raises:
            ShopError: orders wait that cannot be handled (status 409); nothing was changed.
        """
        return self._call("stock-updater", "POST", f"{self.addresses.stock}/reset")

    def clear_telemetry(self) -> dict[str, Any]:
        """Empty the observatory; returns ``{"traces", "logRecords", "metricPoints"}``: how many are gone."""
        return self._call("observatory", "DELETE", f"{self.addresses.observatory}/api/telemetry")

    def begin_journal_anew(self) -> int:
        """Let the chaos board's journal begin anew; returns how many lines it held."""
        return int(self._call("console", "DELETE", f"{self.addresses.console}/journal")["lines"])

    def journal(self, since: str = "") -> list[dict[str, Any]]:
        """Return the chaos board's journal: what was switched when, oldest first.

        Args:
            since: only what came after this revision, or since this RFC 3339 time.
        """
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
            raise ShopError(f"{method} {url} answered {response.status_code}: {said}", hop=hop, status=response.status_code)
        return answer

    def _send(self, hop: str, method: str, url: str, **options: Any) -> requests.Response:
        try:
            return self._session.request(method, url, timeout=TIMEOUT_S, **options)
        except requests.RequestException as error:
            told = f"{hop} cannot be reached at {url}: {why(error)}. Is the shop up? `vshop status` tells."
            raise ShopError(told, hop=hop) from error


def _json(response: requests.Response) -> dict[str, Any]:
    try:
        answer = msgspec.json.decode(response.content)
    except msgspec.DecodeError:
        return {"detail": response.text[:300]}
    return answer if isinstance(answer, dict) else {"detail": response.text[:300]}
