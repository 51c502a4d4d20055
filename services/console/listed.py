"""What the board needs to know of each incident; the catalogue is its only source."""

from collections.abc import Mapping

import msgspec

from vshop.incidents.incident import Incident


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """One incident as the board lists it."""

    id: str
    title: str
    services: tuple[str, ...] = ()
    """Those that ask for it; each of their instances acknowledges a change."""
    scope: tuple[str, ...] = ("global", "request")
    by_item: bool = True
    """Whether it can be limited to orders for some items."""
    trigger: str = ""
    """The order that shows it, as a person would send it."""

    @property
    def switchable(self) -> bool:
        """Whether the board can switch it."""
        return bool(self.services) and "global" in self.scope


def from_catalogue(catalogue: Mapping[str, Incident]) -> dict[str, Listed]:
    """Take from the incident files what the board needs.

    Args:
        catalogue: incidents by their ids.
    """
    return {incident.id: _listed(incident) for incident in catalogue.values()}


def _listed(incident: Incident) -> Listed:
    order = next((step.order for step in incident.trigger.steps if step.order), None)
    return Listed(
        id=incident.id,
        title=incident.title,
        services=tuple(incident.switch.services) if incident.switch else (),
        scope=tuple(incident.switch.scope) if incident.switch else (),
        by_item=incident.switch.items if incident.switch else False,
        trigger=f"POST /orders {msgspec.json.encode(order).decode()}" if order else "",
    )
