"""Counts the bytes of the origins (scopes and resources) of what a store holds, each once."""

from collections import Counter

from observatory.spans import Scope


class OriginSizes:
    """How many bytes the origins in use take: a small span may bring a large resource along."""

    def __init__(self) -> None:
        self._uses: Counter[Scope] = Counter()
        self.total = 0

    def add(self, scope: Scope) -> None:
        """Count one use more."""
        if not self._uses[scope]:
            self.total += _size(scope)
        self._uses[scope] += 1

    def remove(self, scope: Scope) -> None:
        """Count one use less; with the last one the origin goes."""
        self._uses[scope] -= 1
        if not self._uses[scope]:
            del self._uses[scope]
            self.total -= _size(scope)

    def clear(self) -> None:
        """Forget all."""
        self._uses.clear()
        self.total = 0


def _size(scope: Scope) -> int:
    return len(scope.raw) + len(scope.resource.raw)
