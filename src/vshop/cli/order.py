"""``vshop order``."""

import sys
from typing import Annotated

import typer
from rich.markup import escape

from vshop.cli.output import AsJson, err, out, print_json


def order(
    *,
    item: Annotated[int, typer.Option("--item", "-i", help="The item's number.")] = 1,
    quantity: Annotated[int, typer.Option("--quantity", "-n", help="How many pieces.")] = 1,
    user: Annotated[int, typer.Option("--user", "-u", min=0, max=2, help="Which of the three shoppers.")] = 0,
    discount: Annotated[str | None, typer.Option("--discount", "-d", help="Discount code, e.g. DEL15.")] = None,
    chaos: Annotated[
        str | None, typer.Option("--chaos", help="Switch this incident on for this order and its login alone.")
    ] = None,
    no_token: Annotated[bool, typer.Option("--no-token", help="Order without logging in.")] = False,
    timeout: Annotated[float, typer.Option(help="Seconds to wait for the whole trace.")] = 15.0,
    as_json: AsJson = False,
) -> None:
    """Log in, place an order, wait for its whole trace and draw it. Exit status 1 when it is refused or fails on its way."""
    from vshop.addresses import find  # noqa: PLC0415 - `vshop --help` needs none of it
    from vshop.client import USERS, ShopClient  # noqa: PLC0415
    from vshop.traces import TraceError, TraceReader, missing_hop  # noqa: PLC0415
    from vshop.waterfall import draw  # noqa: PLC0415

    addresses = find()
    client = ShopClient(addresses)
    baggage = {"baggage": f"shop.chaos={_checked(chaos)}"} if chaos else {}
    token = None if no_token else client.token(USERS[user], headers=baggage)
    placed = client.place_order(item, quantity, username=USERS[user], discount_code=discount, token=token, headers=baggage)
    gap = None
    try:
        trace = TraceReader(addresses.traces).wait_whole(placed.trace_id, placed.order_id, timeout)
    except TraceError as error:
        if error.trace is None:
            raise
        trace, gap = error.trace, missing_hop(error.trace)
    failed = not placed.accepted or gap is not None or any(span.status == "ERROR" for span in trace.spans)
    if as_json:
        print_json(
            {
                "orderId": placed.order_id,
                "traceId": placed.trace_id,
                "traceUrl": placed.trace_url,
                "status": placed.status,
                "answer": placed.body,
                "missing": gap,
                "spans": trace.spans,
            }
        )
        sys.exit(failed)
    if placed.accepted:
        out.print(f"[green]202[/] order {placed.order_id}")
    else:
        err.print(f"[red]{placed.status}[/] {escape(str(placed.body.get('detail', placed.body)))}")
    out.print(f"trace {placed.trace_id}  {addresses.traces}/trace/{placed.trace_id}\n", soft_wrap=True)
    out.print(draw(trace, out.width))
    if gap is not None:
        out.print(f"[yellow]The trace is not whole after {timeout:g} s; missing: {escape(gap)}[/]")
    sys.exit(failed)


def _checked(incident: str) -> str:
    """Refuse an id that would do nothing, rather than send it along in vain."""
    from vshop.incidents import load_incident  # noqa: PLC0415

    switch = load_incident(incident).switch
    if switch is None or "request" not in switch.scope:
        how = f"use `vshop chaos on {incident}`" if switch else "its trigger alone does it; see `vshop incidents show`"
        raise typer.BadParameter(f"{incident} cannot be switched on for one order: {how}.", param_hint="--chaos")
    return incident
