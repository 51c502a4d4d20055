"""``vshop order|stock|dlq``."""

import re
import sys
from itertools import zip_longest
from typing import Annotated, Any

import typer
from rich.markup import escape

from vshop.cli.output import AsJson, Result, Steps, command, err, is_narrow, out, plural, print_json, print_table
from vshop.cli.references import Last, complete_incident, find_letter
from vshop.incidents import load_incident
from vshop.incidents.verify.context import Observer
from vshop.incidents.verify.observation import Observation, all_whole
from vshop.kit.chaos.baggage import BAGGAGE_KEY
from vshop.kit.telemetry.variables import SAMPLED_AWAY, TAIL_SAMPLED
from vshop.kit.times import Clock
from vshop.shop.addresses import find
from vshop.shop.client import USERS, Placed, ShopClient, ShopError
from vshop.shop.operations import Replay
from vshop.shop.operations import replay as replay_letters
from vshop.shop.traces import TraceReader
from vshop.shop.waterfall import MOST_ROWS, draw

dlq = typer.Typer(no_args_is_help=True, add_completion=False)

LetterId = Annotated[
    str | None, typer.Argument(metavar="[ID]", help="Id of the dead letter, of its order, or the beginning of its trace id")
]
_CHAOS = typer.Option(
    "--chaos", metavar="ID", help="Switch this incident on for this order and its login only", autocompletion=complete_incident
)


def order(
    *,
    item: Annotated[int, typer.Option("--item", "-i", help="Number of the item to order")] = 1,
    quantity: Annotated[int, typer.Option("--quantity", "-n", help="Number of pieces")] = 1,
    user: Annotated[int, typer.Option("--user", "-u", min=0, max=2, help="Number of the user who orders")] = 0,
    discount: Annotated[str | None, typer.Option("--discount", "-d", help="Discount code, e.g. DEL15")] = None,
    count: Annotated[int, typer.Option("--count", "-c", min=1, max=1000, help="Place so many orders")] = 1,
    chaos: Annotated[str | None, _CHAOS] = None,
    no_token: Annotated[bool, typer.Option("--no-token", help="Send the order without a token")] = False,
    timeout: Annotated[float, typer.Option(help="Seconds to wait for the complete trace")] = 15.0,
    as_json: AsJson = False,
) -> None:
    """Log in, place an order, wait for its complete trace, and draw it.

    Exits with status 1 when the order is refused or fails in a service.
    """
    addresses = find()
    client = ShopClient(addresses)
    baggage = {"baggage": f"{BAGGAGE_KEY}={_for_one_order(chaos)}"} if chaos else {}
    orders: list[Placed] = []
    for _ in range(count):
        token = None if no_token else client.token(USERS[user], headers=baggage)
        placed = client.place_order(item, quantity, username=USERS[user], discount_code=discount, token=token, headers=baggage)
        orders.append(placed)
        if not as_json:
            _print_answer(placed, addresses.traces, several=count > 1)
    observer = Observer(client, TraceReader(addresses.traces), Clock())
    sys.exit(_report(observer, orders, timeout, as_json=as_json))


def _report(observer: Observer, orders: list[Placed], timeout: float, *, as_json: bool) -> bool:
    seen: list[Observation] = []
    problem, sampling = None, ""
    try:
        seen = observer.observe_when_complete(orders, all_whole, timeout)
        if not all_whole(seen):
            seen, sampling = _observe_sampled(observer, orders, seen, timeout)
    except ShopError as error:
        problem = str(error)
    stored = [one for one in seen if one.spans or not sampling]
    failed = problem is not None or any(not one.accepted for one in orders) or any(map(_is_broken, stored))
    if as_json:
        found = [_as_json(*pair, problem) | ({"sampling": sampling} if sampling else {}) for pair in zip_longest(orders, seen)]
        print_json(found if len(orders) > 1 else found[0])
    elif problem is not None:
        err.print(f"[bold red]✖[/] {escape(problem)}")
    elif len(orders) > 1:
        _print_summary(orders, stored, sampling)
    elif not stored:
        out.print(f"[yellow]The trace is not stored: {escape(sampling)}. The metrics and `vshop stock` count the order.[/]")
    else:
        out.print(draw(seen[0].trace, out.width, MOST_ROWS))
        if gap := seen[0].missing:
            state = "is complete, but not whole" if observer.complete else f"is not whole after {timeout:g} s"
            out.print(f"[yellow]The trace {state}; missing: {escape(gap)}[/]")
    return failed


def _observe_sampled(
    observer: Observer, orders: list[Placed], seen: list[Observation], timeout: float
) -> tuple[list[Observation], str]:
    """Wait for the traces that a Collector with tail sampling keeps, if there is one. Return how traces are sampled, too."""
    found = re.search(rf"(?:{TAIL_SAMPLED}|{SAMPLED_AWAY}): [^;,]+", observer.shop.telemetry_mode())
    if found is None:
        return seen, ""
    if TAIL_SAMPLED in found[0]:
        observer.clock.poll(lambda: all_whole(observer.observe(orders)), timeout)
    return observer.observe(orders), found[0]


def _is_broken(seen: Observation) -> bool:
    return seen.missing is not None or any(span.failed for span in seen.trace.spans)


def _print_answer(placed: Placed, traces: str, *, several: bool) -> None:
    trace = f"trace {placed.trace_id}"
    if several:
        answer = f"[green]202[/] {placed.order_id}" if placed.accepted else f"[red]{placed.status}[/]"
        out.print(f"{answer} {placed.trace_id}", soft_wrap=True)
        return
    if placed.accepted:
        out.print(f"[green]202[/] order {placed.order_id}")
    else:
        err.print(f"[red]{placed.status}[/] {escape(str(placed.body.get('detail', placed.body)))}")
    url = f"{traces}/trace/{placed.trace_id}"
    between = "\n" if len(trace) + 2 + len(url) > out.width else "  "
    out.print(f"{trace}{between}{url}\n", soft_wrap=True)


def _print_summary(orders: list[Placed], seen: list[Observation], sampling: str) -> None:
    refused = sum(not one.accepted for one in orders)
    unfinished = sum(one.missing is not None for one in seen)
    errors = sum(any(span.failed for span in one.trace.spans) for one in seen)
    out.print(
        f"{plural(len(orders), 'order')}: {len(orders) - refused} accepted, {refused} refused. Traces: "
        f"{errors} with errors, {unfinished} not whole{f', {len(orders) - len(seen)} not stored ({sampling})' if sampling else ''}."
    )


def _as_json(placed: Placed, seen: Observation | None, problem: str | None) -> dict[str, Any]:
    return {
        "orderId": placed.order_id,
        "traceId": placed.trace_id,
        "traceUrl": placed.trace_url,
        "status": placed.status,
        "answer": placed.body,
        "missing": seen.missing if seen else None,
        "notes": seen.trace.notes if seen else [],
        "spans": seen.trace.spans if seen else [],
    } | ({} if problem is None else {"problem": problem})


def _for_one_order(incident: str) -> str:
    switch = load_incident(incident).switch
    if switch is None or "request" not in switch.scope:
        how = f"Use `vshop chaos on {incident}`" if switch else "Its trigger alone causes it; see `vshop incidents show`"
        raise typer.BadParameter(f"{incident} cannot be switched on for a single order. {how}.", param_hint="--chaos")
    return incident


@command()
def stock(item: Annotated[int | None, typer.Argument(help="Number of the item (default: all items)")] = None) -> Steps:
    """Show the stock table."""
    client = ShopClient(find())
    items = client.stock() if item is None else [client.item(item)]
    yield items if item is None else items[0]
    rows = ([str(one[field]) for field in ("id", "name", "stock", "ordered", "version")] for one in items)
    print_table("item", "name", "stock", "ordered", "version", rows=rows)


@command(dlq, "list")
def list_letters() -> Steps:
    """List all dead letters, oldest first."""
    letters = ShopClient(find()).dead_letters()
    yield letters
    if not letters:
        out.print("No dead letters.")
        return
    rows = []
    for letter in letters:
        message = (str(letter["errorMessage"]).splitlines() or [""])[0]
        error, trace = escape(letter["errorType"]), letter["traceId"]
        cells = (f"{trace}\n{error}: {escape(message)}",) if is_narrow() else (error, escape(message[:60]), trace)
        rows.append((letter["id"], *cells, "yes" if letter["handled"] else "no"))
    print_table("id", *(() if is_narrow() else ("error", "message")), "trace", "handled", rows=rows)


@dlq.command()
def show(
    letter_id: LetterId = None,
    *,
    last: Last = False,
    _as_json: Annotated[bool, typer.Option("--json", help="Print JSON; this command always does")] = False,
) -> None:
    """Print one dead letter with all its headers as JSON."""
    client = ShopClient(find())
    print_json(client.dead_letter(find_letter(client.dead_letters(), letter_id, last=last)))


@command(dlq)
def replay(
    letter_id: LetterId = None,
    *,
    last: Last = False,
    everything: Annotated[bool, typer.Option("--all", "-a", help="Replay all dead letters that are not handled yet")] = False,
    timeout: Annotated[float, typer.Option(min=0, help="Seconds to wait until the orders are in the stock")] = 15.0,
) -> Steps:
    """Put dead letters back on the topic, each in its own trace, and wait until they are in the stock.

    A replayed order is applied once, however often you replay it. Exits with status 1 when one did not reach the stock.
    """
    if [everything, last, letter_id is not None].count(True) != 1:
        raise typer.BadParameter("Give the id of a dead letter, --last or --all.")
    client = ShopClient(find())
    letters = client.dead_letters()
    ids = [one["id"] for one in letters if not one["handled"]] if everything else [find_letter(letters, letter_id, last=last)]
    replays = replay_letters(client, ids, timeout)
    yield Result(replays if everything else replays[0], failed=not all(one.handled for one in replays))
    if not replays:
        out.print("Nothing to replay.")
    for one in replays:
        _print_replay(one, timeout)


def _print_replay(one: Replay, timeout_s: float) -> None:
    placed = f"Replayed: {one.id} is record {one.partition}-{one.offset} now"
    if one.handled:
        out.print(f"{placed}, and in the stock." if one.replayed else f"Not replayed: {one.id} is in the stock already.")
    elif one.error is None:
        err.print(f"{placed}, but not handled after {timeout_s:g} s. Check stock-updater with `vshop status`.")
    elif one.replayed:
        err.print(f"{placed}, but failed again: {escape(one.error)}")
    else:
        err.print(f"[bold red]✖[/] {escape(one.error)}")
