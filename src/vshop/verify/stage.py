"""What every phase of a verification works with."""

from collections.abc import Sequence

import msgspec

from vshop.client import Placed
from vshop.incidents.incident import Incident
from vshop.verify.pace import Pace
from vshop.verify.ports import Shop, Traces
from vshop.verify.scene import Scene, look

CALM_S = 0.4
"""Nothing new for this long, and a whole trace is quiet: twice the time that services hold spans back to send them together."""
CALM_PARTIAL_S = 1.5
"""The same for a trace in which a hop is missing: a consumer may only be late."""
QUIET_WITHIN_S = 20.0
_LOOK_EVERY_S = 0.1


class Stage(msgspec.Struct, frozen=True):
    """An incident, the shop it is verified on, and the clock."""

    incident: Incident
    shop: Shop
    traces: Traces
    pace: Pace

    def look(self, orders: Sequence[Placed]) -> list[Scene]:
        """Look at orders as they are now."""
        return [look(placed, self.traces, self.shop) for placed in orders]

    def look_when_quiet(self, orders: Sequence[Placed]) -> list[Scene]:
        """Look at orders once nothing new comes of any of them: each is whole and stays as it is, or stays as it is for longer."""
        began = changed = self.pace.now()
        last: list[frozenset[str]] = []
        while True:
            scenes = self.look(orders)
            ids, now = [scene.ids for scene in scenes], self.pace.now()
            if ids != last:
                last, changed = ids, now
            whole = all(scene.missing is None for scene in scenes)
            if now - changed >= (CALM_S if whole else CALM_PARTIAL_S) or now - began > QUIET_WITHIN_S:
                return scenes
            self.pace.pause(_LOOK_EVERY_S)
