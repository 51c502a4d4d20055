"""What is switched on for a time goes off by itself."""

from console.board import Board
from console.journal import Journal, Line
from console.moments import written
from vshop.kit.chaos import Switch


def test_expiry(console, follow, eventually) -> None:
    """The board itself switches off, raises the revision, tells the services and writes it down."""
    provider, follower = follow(console, "orders")
    assert console.put("orders-lost?for=300ms").status_code == 200
    assert set(provider.switches) == {"orders-lost"}
    eventually(lambda: len(console.journal.lines()) == 2)
    line = console.journal.lines()[-1]
    assert (line.by, line.state, line.revision, line.acknowledged_by) == ("expiry", "off", 2, (follower.name,))
    assert provider.switches == {}
    assert console.on() == set()


def test_renewed_in_time(serve, eventually) -> None:
    """What is asked for again stays on; what was replaced by one without an end never ends."""
    now = [1000.0]
    board = Board(serve().board.listed, Journal(), ack_timeout_s=0.01, clock=lambda: now[0])
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


def test_over_while_the_board_was_away(serve, eventually, tmp_path) -> None:
    """A board that starts after the end of a switch's time switches it off at once, and says so."""
    file = tmp_path / "journal.ndjson"
    Journal(file).append([Line(time=written(1.0), incident="orders-lost", state="on", revision=7, until=written(2.0))])
    console = serve(file)
    eventually(lambda: len(console.journal.lines()) == 2)
    line = console.journal.lines()[-1]
    assert (line.state, line.revision, line.by) == ("off", 8, "expiry")
    assert console.on() == set()
