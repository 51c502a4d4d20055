"""Shoppers who look around and order, for stock Locust: it needs nothing else of this project.

Every order goes out under an ``Idempotency-Key`` and is sent again until it is answered, as a careful client does. What came of
each is a line of the ledger: in a file (``--ledger``), or at ``/ledger`` of Locust's page, which also holds what its workers did.
"""

import contextlib
import itertools
import json
import os
import random
import secrets
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gevent.event
import requests
from flask import request
from locust import HttpUser, LoadTestShape, constant_pacing, events, runners, task
from locust.argument_parser import LocustArgumentParser
from locust.clients import ResponseContextManager
from locust.env import Environment
from locust.runners import LocalRunner, WorkerRunner

USERS = tuple(f"auth0|5ba1a9227dc7232e1aec4fd{last}" for last in "012")
# Item and weight: a few sell well, most now and then; of the last there are three pieces, so it sells out.
ITEMS = {0: 18, 1: 22, 2: 9, 3: 8, 4: 6, 5: 5, 6: 14, 7: 12, 8: 5, 9: 0.1}
QUANTITIES = {1: 70, 2: 18, 3: 7, 5: 4, 12: 1}
DISCOUNTS = {None: 80, "DEL15": 13, "XMASSAVE30": 7}
WRONG: dict[str, tuple[int, dict[str, Any], dict[str, str]]] = {
    "no token": (401, {}, {"Authorization": ""}),
    "no such item": (400, {"itemId": 99}, {}),
    "no such discount": (400, {"discountCode": "NONE"}, {}),
    "no pieces": (400, {"quantity": 0}, {}),
    "a word for a number": (400, {"quantity": "two"}, {}),
    "another's name": (403, {"username": USERS[0]}, {}),  # unless it is their own
    "the wrong type": (415, {}, {"Content-Type": "text/plain"}),
}
"""What may be wrong with an order: the status that it deserves, its fields, its headers."""
ANY = 0  # in place of a status: whatever comes is as it should be
KEPT = 100_000  # lines that /ledger holds


class Ledger:
    """What came of each order: in memory, and in a file where one is named. A worker's lines go to its master."""

    def __init__(self) -> None:
        """Begin empty."""
        self.run, self.first, self.accepted = 0, 0, 0
        self.lines: list[dict[str, Any]] = []
        self._file: Path | None = None

    def begin(self, path: str) -> None:
        """Forget the last run; write to a file from now on, unless it is named ''."""
        self.run, self.first, self.accepted = self.run + 1, 0, 0
        self.lines = []
        self._file = Path(path) if path else None

    def write(self, event: str, **facts: Any) -> None:
        """Add a line."""
        self.take([{"event": event, "at": time.time()} | facts])

    def take(self, lines: list[dict[str, Any]]) -> None:
        """Add lines, a worker's or one's own."""
        self.lines += lines
        self.accepted += sum(line["event"] == "accepted" for line in lines)
        if self._file and lines:
            with self._file.open("a", encoding="utf-8") as file:
                file.write("".join(json.dumps(line) + "\n" for line in lines))
        if len(self.lines) > KEPT:
            self.first += len(self.lines) - KEPT
            del self.lines[:-KEPT]


# A worker that is told to begin reads its options for seconds where the machine is busy; its master must not give it up.
runners.HEARTBEAT_LIVENESS = 20

ledger = Ledger()
paused = gevent.event.Event()  # cleared while the shop has too much to catch up with
paused.set()
ended = gevent.event.Event()  # set by SIGTERM: shoppers finish what they are at, so that no order is left without an answer


def pick(weights: Mapping[Any, float]) -> Any:
    """Choose one of the keys."""
    return random.choices(list(weights), list(weights.values()))[0]  # noqa: S311 - no secret


class Shopper(HttpUser):
    """Logs in, looks at items, orders one."""

    host = "http://127.0.0.1:8080"

    def on_start(self) -> None:
        """Become one of the shop's users."""
        self.client.trust_env = False
        self.options = _options(self.environment)
        self.username = USERS[next(_numbers) % len(USERS)]
        self.token = ""
        self.items = {item: ITEMS[item] for item in map(int, self.options.items.split(","))}

    def wait_time(self) -> float:
        """Keep the pace that all shoppers together are to have."""
        rate = self.options.orders_per_second
        return float(constant_pacing(self.options.shoppers / rate)(self)) if rate else 0.0

    @task
    def visit(self) -> None:
        """Look around, then order: mostly what can be ordered, sometimes what cannot, sometimes under an incident."""
        paused.wait()
        chance = random.random()  # noqa: S311
        if chance < self.options.wrong_share:
            self.order_wrongly(random.choice(list(WRONG)))  # noqa: S311
            return
        order = {"itemId": pick(self.items), "username": self.username, "quantity": pick(QUANTITIES)}
        discount = pick(DISCOUNTS)
        if discount:
            order["discountCode"] = discount
        for _ in range(int(self.options.looks + random.random())):  # noqa: S311
            self.client.get(f"{self.options.stock_url}/stock/{order['itemId']}", name="/stock/[item]")
        if chance < self.options.wrong_share + self.options.chaos_share:
            self.order_once(order, random.choice(self.options.chaos.split(",")))  # noqa: S311
        else:
            self.order(order)

    def order(self, order: dict[str, Any]) -> None:
        """Order, again and again under one key, until it is accepted or refused for good."""
        key, began = secrets.token_hex(8), time.time()
        facts = order | {"key": key, "began": began}
        settled = False
        try:
            for tries in itertools.count(1):
                status, answer = self.post(order, {"Idempotency-Key": key}) if self.logged_in() else (0, {"hop": "auth-stub"})
                if status == 202:
                    ledger.write("accepted", **facts, **answer, tries=tries)
                elif 400 <= status < 500 and status != 401:
                    ledger.write("refused", **facts, status=status, reason=reason(status, answer))
                elif time.time() - began < self.options.patience:
                    ledger.write("retried", status=status, reason=reason(status, answer))
                    gevent.sleep(0.1 * min(tries, 5))
                    continue
                else:
                    break
                settled = True
                return
        finally:  # also when Locust ends the shopper in the middle of it
            if not settled:
                ledger.write("unsure", **facts)

    def order_once(self, order: dict[str, Any], incident: str) -> None:
        """Order, with an incident on for this order and its login alone; whatever comes of it is an answer."""
        baggage = {"baggage": f"shop.chaos={incident}"}
        status, answer = self.post(
            order, baggage | {"Authorization": f"Bearer {self.login(baggage)}"}, f"/orders under {incident}", ANY
        )
        if status == 202:
            ledger.write("accepted", **order, **answer, tries=1, incident=incident)
        else:
            ledger.write("refused", **order, status=status, reason=reason(status, answer), incident=incident)

    def order_wrongly(self, wrong: str) -> None:
        """Order what no shop can deliver; anything but the status it deserves is a failure."""
        status, fields, headers = WRONG[wrong]
        order = {"itemId": 1, "username": self.username, "quantity": 1} | fields
        if wrong == "another's name" and self.username == USERS[0]:
            order["username"] = USERS[1]
        if self.logged_in():
            seen, answer = self.post(order, headers, f"/orders: {wrong}", status)
            if seen == 202:
                ledger.write("accepted", **order, **answer, tries=1, wrong=wrong)
            elif seen != status and seen in {0, 401, 503}:  # nobody looked at what is wrong with it
                ledger.write("retried", status=seen, reason=reason(seen, answer))
            else:
                ledger.write("refused", status=seen, reason=reason(seen, answer), wrong=wrong, deserved=status)

    def post(
        self, order: dict[str, Any], headers: dict[str, str], name: str = "/orders", deserved: int = 202
    ) -> tuple[int, dict[str, Any]]:
        """Send an order; return status (0: no answer) and body, and let go of a token that is no longer taken."""
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self.token}"} | headers
        with self.client.post("/orders", json=order, headers=headers, name=name, catch_response=True, timeout=30) as response:
            if response.status_code == deserved or (deserved == ANY and response.status_code):
                response.success()
            if response.status_code == 401:
                self.token = ""
            return response.status_code, body(response)

    def logged_in(self) -> bool:
        """Say whether there is a token, fetching one if need be."""
        self.token = self.token or self.login({})
        return bool(self.token)

    def login(self, headers: dict[str, str]) -> str:
        """Return a fresh token, '' when there is none to be had."""
        login = {"grant_type": "password", "username": self.username, "password": "shopper", "audience": self.options.audience}
        with self.client.post(
            f"{self.options.auth_url}/oauth/token",
            json=login,
            headers=headers,
            name="/oauth/token",
            catch_response=True,
            timeout=30,
        ) as response:
            return str(body(response).get("access_token", ""))


_numbers = itertools.count()


def body(response: ResponseContextManager) -> dict[str, Any]:
    """Return an answer's JSON object, empty when it has none."""
    with contextlib.suppress(ValueError):
        answer = json.loads(response.content or b"{}")
        return answer if isinstance(answer, dict) else {}
    return {}


def reason(status: int, answer: dict[str, Any]) -> str:
    """Name a refusal: the hop that failed, or the field that is wrong."""
    if not status:
        return f"no answer from {answer.get('hop', 'orders')}"
    return " ".join(str(part) for part in (status, answer.get("hop") or answer.get("field") or answer.get("title", "")) if part)


def _options(environment: Environment) -> Any:
    return environment.parsed_options


class Shape(LoadTestShape):
    """How many shoppers there are, second by second; also where an incident comes and goes."""

    use_common_options = True

    def tick(self) -> tuple[int, float] | None:
        """Return shoppers and how many may come or go a second; None when it is over."""
        if self.runner is None:
            return None
        options = _options(self.runner.environment)
        users, seconds, now = options.num_users or 1, options.run_time or 30, self.get_run_time()
        options.shoppers = users
        orphaned = options.parent and os.getppid() != options.parent
        if orphaned or ended.is_set() or now >= seconds or (options.orders and ledger.accepted >= options.orders):
            return None
        if options.shape == "incident":
            self.incident(options, on=seconds / 3 <= now < seconds * 2 / 3)
        if options.shape == "ramp":
            users = max(1, round(users * min(1.0, now / seconds / 0.8)))
        elif options.shape == "burst" and now % 10 < 7:
            users = max(1, users // 5)
        return users, max(float(options.spawn_rate or 1), users / 2 if options.shape == "burst" else 0)

    def incident(self, options: Any, *, on: bool) -> None:
        """Switch the incident at the chaos board, unless it is as wanted."""
        global incident_on  # noqa: PLW0603 - switched off when the test ends, however it ends
        if on != incident_on:
            url = f"{options.console_url}/chaos/{options.incident}"
            answer = requests.put(url, json={"on": True}, timeout=10) if on else requests.delete(url, timeout=10)
            answer.raise_for_status()
            incident_on = on


incident_on = False


@events.init_command_line_parser.add_listener
def add_options(parser: LocustArgumentParser, **_: Any) -> None:
    """Say what can be asked for beside Locust's own options; each is a variable of the environment as well."""
    add = parser.add_argument
    add("--shape", choices=["steady", "burst", "ramp", "incident"], default="steady", env_var="SHAPE", help="How the load runs.")
    add(
        "--orders-per-second",
        type=float,
        default=10.0,
        env_var="ORDERS_PER_SECOND",
        help="By all shoppers; 0: as fast as they can.",
    )
    # Workers are told no option of Locust's own, so the shape writes the number of users here.
    add("--shoppers", type=int, default=1, include_in_web_ui=False, help="Do not set: --users it is.")
    add("--parent", type=int, default=0, include_in_web_ui=False, help="End when this process, which began the load, is gone.")
    add("--orders", type=int, default=0, env_var="ORDERS", help="End when so many are accepted; 0: when the time is over.")
    add("--looks", type=float, default=1.0, env_var="LOOKS", help="Looks at an item before each order.")
    add("--items", default=",".join(map(str, ITEMS)), env_var="ITEMS", help="Numbers of the items that are ordered.")
    add("--wrong-share", type=float, default=0.03, env_var="WRONG_SHARE", help="Share of wrong orders.")
    add("--chaos-share", type=float, default=0.0, env_var="CHAOS_SHARE", help="Share of orders with an incident of their own.")
    add("--chaos", default="stock-put-missing-key,auth-retry-succeeds", env_var="CHAOS", help="Those incidents.")
    add("--incident", default="auth-token-expired", env_var="INCIDENT", help="What the shape `incident` switches on.")
    add("--patience", type=float, default=120.0, env_var="PATIENCE", help="Seconds for which an order is sent again.")
    add(
        "--max-backlog",
        type=int,
        default=0,
        env_var="MAX_BACKLOG",
        help="Orders not handled yet, above which shoppers pause; 0: never.",
    )
    add("--ledger", default="", env_var="LEDGER", help="File that gets a line of JSON for whatever came of an order.")
    add("--audience", default="https://virtual-shop.local/api", env_var="AUDIENCE", help="Audience of the tokens.")
    for part, port in {"auth": 8081, "stock": 8082, "console": 8090}.items():
        add(f"--{part}-url", default=f"http://127.0.0.1:{port}", env_var=f"VSHOP_{part.upper()}_URL", help=f"Where {part} is.")


@events.init.add_listener
def install(environment: Environment, **_: Any) -> None:
    """Give shoppers time to finish an order; hand the ledger on, from Locust's page to whoever asks."""
    environment.stop_timeout = environment.stop_timeout or 15
    if environment.runner:
        environment.runner.register_message("ledger", lambda msg, **_: ledger.take(msg.data["lines"]))
    if environment.web_ui and environment.web_ui.app:

        @environment.web_ui.app.get("/ledger")
        def ledger_from() -> dict[str, Any]:
            end = ledger.first + len(ledger.lines)
            since = max(request.args.get("since", end, int), ledger.first)
            state = environment.runner.state if environment.runner else ""
            lines = ledger.lines[since - ledger.first :]
            return {"run": ledger.run, "state": state, "first": since, "next": since + len(lines), "lines": lines}


@events.report_to_master.add_listener
def report(client_id: str, data: dict[str, Any]) -> None:  # noqa: ARG001 - Locust passes it
    """Give the master what this worker's ledger holds."""
    data["ledger"], ledger.lines = ledger.lines, []


@events.worker_report.add_listener
def take_report(client_id: str, data: dict[str, Any]) -> None:  # noqa: ARG001
    """Take what a worker's ledger held."""
    ledger.take(data.get("ledger", []))


@events.test_start.add_listener
def begin(environment: Environment, **_: Any) -> None:
    """Open the ledger; watch how far the shop is behind, if that is to be bounded."""
    options = _options(environment)
    worker = isinstance(environment.runner, WorkerRunner)
    ledger.begin("" if worker else options.ledger)
    paused.set()
    if isinstance(environment.runner, LocalRunner):
        gevent.signal_handler(signal.SIGTERM, ended.set)
    if isinstance(environment.runner, LocalRunner) and options.max_backlog:
        gevent.spawn(bound_backlog, environment, options.max_backlog)


@events.test_stop.add_listener
def end(environment: Environment, **_: Any) -> None:
    """Let nobody wait any longer, leave no incident on; a worker hands over the rest before it says that it has stopped."""
    paused.set()
    if isinstance(environment.runner, WorkerRunner):
        rest, ledger.lines = ledger.lines, []
        environment.runner.send_message("ledger", {"lines": rest})
    if incident_on and isinstance(environment.shape_class, Shape):
        environment.shape_class.incident(_options(environment), on=False)


def bound_backlog(environment: Environment, most: int) -> None:
    """Let shoppers wait while ``most`` accepted orders are not handled yet; the versions in the table count the handled."""
    run, handled, before = ledger.run, 0, -1
    while ledger.run == run and environment.runner and environment.runner.state not in {"stopping", "stopped", "cleanup"}:
        with contextlib.suppress(requests.RequestException, ValueError, LookupError):
            items = requests.get(f"{_options(environment).stock_url}/stock", timeout=5).json()["items"]
            handled = sum(item["version"] for item in items)
            before = handled if before < 0 else before
        if ledger.accepted - (handled - before) > most:
            paused.clear()
        else:
            paused.set()
        gevent.sleep(0.5)
    paused.set()
