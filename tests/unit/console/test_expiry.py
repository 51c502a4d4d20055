from console.board.board import Board
from console.board.journal import Journal, Line
from vshop.kit.chaos.switches import Switch
from vshop.kit.times import rfc3339_ms


def test_expiry_reaches_the_services_and_the_journal(console, follow, eventually) -> None:
    provider, follower = follow(console, "orders")
    assert console.put("orders-lost?for=300ms").status_code == 200
    assert set(provider.switches) == {"orders-lost"}
    eventually(lambda: len(console.journal.lines()) == 2)
    line = console.journal.lines()[-1]
    assert (line.by, line.state, line.revision, line.acknowledged_by) == ("expiry", "off", 2, (follower.name,))
    assert provider.switches == {}
    assert console.on() == set()


def test_a_later_switch_replaces_the_end(serve, eventually) -> None:
    now = [1000.0]
    board = Board(serve().board.catalogue, Journal(), ack_timeout_s=0.01, clock=lambda: now[0])
    with board.followers.present("orders/one", 99, lambda: False):
        board.turn_on("orders-lost", Switch(on=True, until=1060.0))
        now[0] = 1059.0
        board.expire()
        assert board.snapshot().states["orders-lost"].switch.on
        board.turn_on("orders-lost", Switch(on=True, until=1119.0))
        now[0] = 1061.0
        board.expire()
        assert board.snapshot().states["orders-lost"].switch.on
        now[0] = 1119.0
        board.expire()
        assert not board.snapshot().states["orders-lost"].switch.on
        board.turn_on("orders-lost", Switch(on=True))
        now[0] = 9999.0
        board.expire()
        assert board.snapshot().states["orders-lost"].switch.on


def test_expired_while_the_console_was_down(serve, eventually, tmp_path) -> None:
    file = tmp_path / "journal.ndjson"
    Journal(file).append([Line(time=rfc3339_ms(1.0), incident="orders-lost", state="on", revision=7, until=rfc3339_ms(2.0))])
    console = serve(file)
    eventually(lambda: len(console.journal.lines()) == 2)
    line = console.journal.lines()[-1]
    assert (line.state, line.revision, line.by) == ("off", 8, "expiry")
    assert console.on() == set()
