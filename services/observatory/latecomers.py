"""After a store was cleared, what began before and is still on its way is not taken: it would be half of something that is gone."""

_ON_ITS_WAY_NS = 60 * 10**9
"""What is older than this when a store is cleared does not come late: somebody replays it, and wants it held."""


class Latecomers:
    """Tells what belongs to the time before the clearing. Nothing does before the first one."""

    def __init__(self) -> None:
        self._cleared_ns = 0

    def begin(self, now_ns: int) -> None:
        """Note that the store is cleared now.

        Args:
            now_ns: the time, in nanoseconds since the epoch.
        """
        self._cleared_ns = now_ns

    def include(self, began_ns: int) -> bool:
        """Tell whether something comes late.

        Args:
            began_ns: when it began, in nanoseconds since the epoch.
        """
        return 0 < self._cleared_ns - began_ns < _ON_ITS_WAY_NS
