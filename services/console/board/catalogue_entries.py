"""What the board needs of an incident."""

from collections.abc import Mapping

import msgspec

from vshop.incidents.incident import Incident


class CatalogueEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One incident."""

    id: str
    title: str
    services: tuple[str, ...] = ()
    scope: tuple[str, ...] = ("global", "request")
    by_item: bool = True
    trigger: str = ""

    @property
    def switchable(self) -> bool:
        """Whether the board has a switch for it."""
        return bool(self.services) and "global" in self.scope


def from_catalogue(catalogue: Mapping[str, Incident]) -> dict[str, CatalogueEntry]:
    """Return the entries by id."""
    return {name: _entry(incident) for name, incident in catalogue.items()}


def _entry(incident: Incident) -> CatalogueEntry:
    order = next((step.order for step in incident.trigger.steps if step.order), None)
    return CatalogueEntry(
        id=incident.id,
        title=incident.title,
        services=tuple(incident.switch.services) if incident.switch else (),
        scope=tuple(incident.switch.scope) if incident.switch else (),
        by_item=incident.switch.items if incident.switch else False,
        trigger=f"POST /orders {msgspec.json.encode(order).decode()}" if order else "",
    )
