from console.board.board import Board
from console.board.journal import Journal
from vshop.incidents.loader import load_catalogue


def test_each_incident_has_a_title_and_services_or_a_trigger() -> None:
    board = Board(load_catalogue(), Journal())
    one = board.switchable["auth-token-expired"]
    assert (one.services, one.scope) == (["auth-stub"], ["global", "request"])
    assert all(incident.title for incident in board.catalogue.values())
    assert all(incident.switch or any(step.order for step in incident.trigger.steps) for incident in board.catalogue.values())
