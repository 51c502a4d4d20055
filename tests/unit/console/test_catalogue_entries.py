from console.board.board import from_catalogue
from vshop.incidents.loader import load_catalogue


def test_each_incident_has_a_title_and_services_or_a_trigger() -> None:
    entries = from_catalogue(load_catalogue())
    one = entries["auth-token-expired"]
    assert (one.services, one.scope, one.switchable) == (("auth-stub",), ("global", "request"), True)
    assert all(entry.title for entry in entries.values())
    assert all(entry.services or entry.trigger for entry in entries.values())
