"""``vshop reset``: a clean shop between two exercises."""

from rich.table import Table

from vshop.cli.output import AsJson, err, out, print_json


def reset(*, as_json: AsJson = False) -> None:
    """Make the shop clean without restarting it: switches off, stock full, no dead letters, no telemetry, a new journal.

    Orders that wait are handled first. The journal so far is set aside beside the new one.
    """
    from vshop.addresses import find  # noqa: PLC0415 - `vshop --help` needs none of it
    from vshop.client import ShopClient  # noqa: PLC0415
    from vshop.reset import reset as reset_shop  # noqa: PLC0415

    done = reset_shop(ShopClient(find()))
    if as_json:
        print_json(done)
        return
    out.print(f"[green]Clean[/] in {done.seconds:.2f} s, nothing was restarted.\n")
    table = Table.grid(padding=(0, 2))
    table.add_row("  switched off", ", ".join(done.switched_off) or "nothing was on")
    table.add_row("  stock", f"{done.items} items filled up")
    table.add_row("  dead letters", f"{done.dead_letters} removed")
    table.add_row("  observatory", f"{done.traces} traces, {done.log_records} log records, {done.metric_points} metric points gone")
    table.add_row("  journal", f"begun anew, {done.journal_lines} lines set aside")
    out.print(table)
    if done.jaeger_keeps_its_traces:
        err.print("\n[yellow]Jaeger keeps its traces[/]: it has no way to forget. Look for new ones by their ids.")
