"""Shoppers for stock Locust. This file needs no other file of the project.

An order is sent again under its ``Idempotency-Key`` until it is answered. The order log has a line for each result: in a file
(``--ledger``), or at ``/ledger`` of Locust's web page, which collects all workers' lines.
"""

import contextlib
import itertools
import json
import os
import random
import secrets
import signal
import time
from pathlib import Path
from typing import Any

import gevent.event
import requests
from flask import request
from locust import HttpUser, LoadTestShape, constant_pacing, events, runners, task
from locust.argument_parser import LocustArgumentParser
from locust.env import Environment

Order = dict[str, Any]
USERS = tuple(f"auth0|5ba1a9227dc7232e1aec4fd{last}" for last in "012")
# By weight. Item 9 has three pieces in stock and sells out.
ITEMS = {0: 18, 1: 22, 2: 9, 3: 8, 4: 6, 5: 5, 6: 14, 7: 12, 8: 5, 9: 0.1}
QUANTITIES = {1: 70, 2: 18, 3: 7, 5: 4, 12: 1}
DISCOUNTS = {None: 80, "DEL15": 13, "XMASSAVE30": 7}
WRONG: tuple[tuple[str, int, dict[str, Any], dict[str, str]], ...] = (
    ("no token", 401, {}, {"Authorization": ""}),
    ("no such item", 400, {"itemId": 99}, {}),
    ("no such discount", 400, {"discountCode": "NONE"}, {}),
    ("no pieces", 400, {"quantity": 0}, {}),
    ("a word for a number", 400, {"quantity": "two"}, {}),
    ("another's name", 403, {"username": USERS[0]}, {}),  # USERS[0] names USERS[1]
    ("the wrong type", 415, {}, {"Content-Type": "text/plain"}),
)
ANY = 0  # in place of a status: any response is expected
KEPT = 100_000  # maximum number of lines at /ledger
OPTIONS: dict[str, tuple[Any, str]] = {
    "orders-per-second": (10.0, "Orders per second, all shoppers together; 0 means unlimited"),
    "orders": (0, "Stop after this many accepted orders; 0 means no limit"),
    "looks": (1.0, "Stock requests before each order"),
    "items": (",".join(map(str, ITEMS)), "Items to order, comma-separated"),
    "wrong-share": (0.03, "Share of invalid orders"),
    "chaos-share": (0.0, "Share of orders with a request-scoped incident"),
    "chaos": ("stock-put-missing-key,auth-retry-succeeds", "Request-scoped incidents, comma-separated"),
    "incident": ("auth-token-expired", "Incident for the shape `incident`"),
    "patience": (120.0, "Seconds to retry an order"),
    "max-backlog": (0, "Backlog of unhandled orders above which shoppers pause; 0 means no limit"),
    "ledger": ("", "File for the order log, one JSON object per line"),
    "audience": ("https://virtual-shop.local/api", "Audience of the tokens"),
}
chance = random.SystemRandom()


class Ledger:
    """The order log. A worker's lines go to its master."""

    run = first = accepted = 0

    def begin(self, path: str) -> None:
        """Start a new run; '' means no file."""
        self.run, self.first, self.accepted, self.waiting = self.run + 1, 0, 0, 0
        self.lines: list[dict[str, Any]] = []
        self._path = path

    def hand_over(self) -> list[dict[str, Any]]:
        """Return all lines and forget them."""
        lines, self.lines = self.lines, []
        return lines

    def write(self, event: str, **facts: Any) -> None:
        self.take([{"event": event, "at": time.time()} | facts])

    def take(self, lines: list[dict[str, Any]]) -> None:
        """Add lines of this process or of a worker."""
        self.lines += lines
        self.accepted += sum(line["event"] == "accepted" for line in lines)
        if self._path and lines:
            with Path(self._path).open("a", encoding="utf-8") as file:
                file.writelines(json.dumps(line) + "\n" for line in lines)
        self.first += max(0, len(self.lines) - KEPT)
        del self.lines[:-KEPT]


# A busy worker needs seconds to start a load; its master must not drop it meanwhile.
runners.HEARTBEAT_LIVENESS = 20

ledger = Ledger()
ledger.begin("")
ended = gevent.event.Event()  # set by SIGTERM; shoppers finish their orders first
numbers = itertools.count()


def pick(weights: dict[Any, Any]) -> Any:
    return chance.choices(list(weights), list(weights.values()))[0]


class Shopper(HttpUser):
    """Logs in, reads stock, and places orders."""

    host = "http://127.0.0.1:8080"

    def on_start(self) -> None:
        self.client.trust_env = False
        self.options: Any = self.environment.parsed_options
        self.username, self.token = USERS[next(numbers) % len(USERS)], ""
        self.items = {item: ITEMS[item] for item in map(int, self.options.items.split(","))}

    def wait_time(self) -> float:
        """Return the wait between visits that gives the configured rate."""
        rate = self.options.orders_per_second
        return float(constant_pacing(self.options.shoppers / rate)(self)) if rate else 0.0

    @task
    def visit(self) -> None:
        """Read stock, then place a valid order, an invalid one, or one under an incident."""
        while ledger.waiting > self.options.max_backlog > 0:
            gevent.sleep(0.1)
        drawn = chance.random()
        if drawn < self.options.wrong_share:
            wrong, status, fields, headers = chance.choice(WRONG)
            order = {"itemId": 1, "username": self.username, "quantity": 1} | fields
            if wrong == "another's name" and self.username == USERS[0]:
                order["username"] = USERS[1]
            self.order_once(order, headers, f"/orders: {wrong}", status, wrong=wrong, deserved=status)
            return
        order = {"itemId": pick(self.items), "username": self.username, "quantity": pick(QUANTITIES)}
        if discount := pick(DISCOUNTS):
            order["discountCode"] = discount
        for _ in range(int(self.options.looks + chance.random())):
            self.client.get(f"{self.options.stock_url}/stock/{order['itemId']}", name="/stock/[item]")
        if drawn < self.options.wrong_share + self.options.chaos_share:
            incident = chance.choice(self.options.chaos.split(","))
            baggage = {"baggage": f"shop.chaos={incident}"}
            headers = baggage | {"Authorization": f"Bearer {self.login(baggage)}"}
            self.order_once(order, headers, f"/orders under {incident}", ANY, incident=incident)
        else:
            self.order(order)

    def order(self, order: Order) -> None:
        """Send an order under one key until it is accepted or finally refused."""
        facts: dict[str, Any] = order | {"key": secrets.token_hex(8), "began": time.time()}
        event = "unsure"
        try:
            for tries in itertools.count(1):
                status, answer = self.post(order, {"Idempotency-Key": facts["key"]})
                why = {"status": status, "reason": reason(status, answer)}
                if status == 202:
                    event, facts = "accepted", facts | answer | {"tries": tries}
                elif 400 <= status < 500 and status != 401:
                    event, facts = "refused", facts | why
                elif time.time() - facts["began"] < self.options.patience:
                    ledger.write("retried", **why)
                    gevent.sleep(0.1 * min(tries, 5))
                    continue
                return
        finally:  # also if Locust stops the shopper meanwhile
            ledger.write(event, **facts)

    def order_once(self, order: Order, headers: dict[str, str], name: str, expected: int, **facts: Any) -> None:
        """Send an order that is not sent again. Any status but the expected one is a failure."""
        status, answer = self.post(order, headers, name, expected)
        why = {"status": status, "reason": reason(status, answer)}
        if status == 202:
            ledger.write("accepted", **order, **answer, tries=1, **facts)
        elif expected not in {ANY, status} and status in {0, 401, 503}:  # failed before validation
            ledger.write("retried", **why)
        else:
            ledger.write("refused", **why, **facts)

    def post(self, order: Order, headers: dict[str, str], name: str = "/orders", deserved: int = 202) -> tuple[int, Order]:
        """Send an order; return the status (0 without a login or a response) and the body. A 401 discards the token."""
        if "Authorization" not in headers:
            self.token = self.token or self.login({})
            if not self.token:
                return 0, {"hop": "auth-stub"}
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self.token}"} | headers
        with self.client.post("/orders", json=order, headers=headers, name=name, catch_response=True, timeout=30) as response:
            if response.status_code == deserved or (deserved == ANY and response.status_code):
                response.success()
            if response.status_code == 401:
                self.token = ""
            return response.status_code, body(response.content)

    def login(self, headers: dict[str, str]) -> str:
        """Return a new token, or '' if the login failed."""
        url = f"{self.options.auth_url}/oauth/token"
        login = {"grant_type": "password", "username": self.username, "password": "shopper", "audience": self.options.audience}
        response = self.client.post(url, json=login, headers=headers, name="/oauth/token", timeout=30)
        return str(body(response.content).get("access_token", ""))


def body(content: bytes | None) -> dict[str, Any]:
    """Return a response's JSON object, or an empty one."""
    with contextlib.suppress(ValueError):
        if isinstance(answer := json.loads(content or b"{}"), dict):
            return answer
    return {}


def reason(status: int, answer: dict[str, Any]) -> str:
    if not status:
        return f"no answer from {answer.get('hop', 'orders')}"
    return f"{status} {answer.get('hop') or answer.get('field') or answer.get('title', '')}".rstrip()


class Shape(LoadTestShape):
    """Number of shoppers over time; also switches the shape's incident."""

    use_common_options = True
    incident_on = False

    def tick(self) -> tuple[int, float] | None:
        """Return the number of shoppers and the spawn rate; None at the end."""
        options: Any = self.runner.environment.parsed_options  # type: ignore[union-attr]
        users, seconds, now = options.num_users or 1, options.run_time or 30, self.get_run_time()
        options.shoppers = users
        orphaned = options.parent and os.getppid() != options.parent
        if orphaned or ended.is_set() or now >= seconds or (options.orders and ledger.accepted >= options.orders):
            return None
        if options.shape == "incident":
            self.switch(options, on=seconds / 3 <= now < seconds * 2 / 3)
        if options.shape == "ramp":
            users = max(1, round(users * min(1.0, now / seconds / 0.8)))
        elif options.shape == "burst" and now % 10 < 7:
            users = max(1, users // 5)
        return users, max(float(options.spawn_rate or 1), users / 2 if options.shape == "burst" else 0)

    def switch(self, options: Any, *, on: bool) -> None:
        if on != self.incident_on:
            url = f"{options.console_url}/chaos/{options.incident}"
            method, change = ("PUT", {"on": True}) if on else ("DELETE", None)
            requests.request(method, url, json=change, timeout=10).raise_for_status()
            self.incident_on = on


@events.init_command_line_parser.add_listener
def _add_options(parser: LocustArgumentParser, **_: Any) -> None:
    shapes = ["steady", "burst", "ramp", "incident"]
    parser.add_argument("--shape", choices=shapes, default="steady", env_var="SHAPE", help="How the load changes over time")
    for name, (default, text) in OPTIONS.items():
        parser.add_argument(f"--{name}", type=type(default), default=default, env_var=name.upper().replace("-", "_"), help=text)
    # Workers do not get Locust's own options, so the shape writes the number of users here.
    parser.add_argument("--shoppers", type=int, default=1, include_in_web_ui=False, help="Internal; set --users instead")
    parser.add_argument("--parent", type=int, default=0, include_in_web_ui=False, help="Stop when this process has ended")
    for part, port in {"auth": 8081, "stock": 8082, "console": 8090}.items():
        url = f"http://127.0.0.1:{port}"
        parser.add_argument(f"--{part}-url", default=url, env_var=f"VSHOP_{part.upper()}_URL", help=f"Address of {part}")


@events.init.add_listener
def _install(environment: Environment, runner: Any, web_ui: Any, **_: Any) -> None:
    environment.stop_timeout = environment.stop_timeout or 15
    events.report_to_master.add_listener(lambda data, **_: data.update(ledger=ledger.hand_over()))
    events.worker_report.add_listener(lambda data, **_: ledger.take(data.get("ledger", [])))
    runner.register_message("ledger", lambda msg, **_: ledger.take(msg.data["lines"]))
    if web_ui:

        @web_ui.app.get("/ledger")
        def ledger_from() -> dict[str, Any]:
            end = ledger.first + len(ledger.lines)
            since = max(request.args.get("since", end, int), ledger.first)
            lines = ledger.lines[since - ledger.first :]
            return {"run": ledger.run, "state": runner.state, "first": since, "next": since + len(lines), "lines": lines}


@events.test_start.add_listener
def _begin(environment: Environment, **_: Any) -> None:
    options: Any = environment.parsed_options
    ledger.begin("" if isinstance(environment.runner, runners.WorkerRunner) else options.ledger)
    if isinstance(environment.runner, runners.LocalRunner):
        gevent.signal_handler(signal.SIGTERM, ended.set)
        if options.max_backlog:
            gevent.spawn(_count_backlog, environment, options)


@events.test_stop.add_listener
def _end(environment: Environment, **_: Any) -> None:
    """A worker sends its last lines before it reports its stop."""
    if isinstance(environment.runner, runners.WorkerRunner):
        environment.runner.send_message("ledger", {"lines": ledger.hand_over()})
    if isinstance(environment.shape_class, Shape):
        environment.shape_class.switch(environment.parsed_options, on=False)


def _count_backlog(environment: Environment, options: Any) -> None:
    """Count the accepted orders that are not handled, as the items' versions count. While they are too many, shoppers pause."""
    run, handled, before = ledger.run, 0, -1
    while ledger.run == run and environment.runner and environment.runner.state not in {"stopping", "stopped", "cleanup"}:
        with contextlib.suppress(requests.RequestException, ValueError, LookupError):
            items = requests.get(f"{options.stock_url}/stock", timeout=5).json()["items"]
            handled = sum(item["version"] for item in items)
            before = handled if before < 0 else before
        ledger.waiting = ledger.accepted - (handled - before)
        gevent.sleep(0.5)
    ledger.waiting = 0
