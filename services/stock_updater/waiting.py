"""The records that DynamoDB or Kafka keeps waiting, one on each partition."""

import time
from collections.abc import Callable, Iterable
from typing import NamedTuple

from stock_updater.retryable import ErrorClass, backoff_s, classify
from vshop.kit.http.health import DegradedError
from vshop.kit.kafka.record import Record

_LONGEST_TRY_S = 20.0
"""With its pause. A longer gap means that the process was paused, which uses up no patience."""


class _Waiting(NamedTuple):
    offset: int
    since: float
    attempts: int
    last: float
    refused_s: float | None  # for how long every try has been refused for the operator
    error: BaseException


class WaitingRecords:
    """Decides how long a record waits, for the consumer and the readiness check."""

    def __init__(self, patience_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        """``patience_s``: how long a record waits for an operator."""
        self._patience_s = patience_s
        self._clock = clock
        self._by_partition: dict[int, _Waiting] = {}

    def add(self, record: Record, error: BaseException) -> float:
        """Note a failed try, and return the pause in seconds."""
        now, last = self._clock(), self._of(record)
        refused_s = 0.0 if classify(error) is ErrorClass.OPERATOR else None
        if refused_s is not None and last is not None and last.refused_s is not None:
            refused_s = last.refused_s + min(now - last.last, _LONGEST_TRY_S)
        since, attempts = (last.since, last.attempts) if last else (now, 0)
        self._by_partition[record.partition] = _Waiting(record.offset, since, attempts + 1, now, refused_s, error)
        return backoff_s(attempts)

    def must_wait(self, record: Record, error: BaseException) -> bool:
        """Return whether a retry may succeed. Only what an operator has to repair is limited by the patience."""
        kind, last = classify(error), self._of(record)
        if kind is ErrorClass.OPERATOR and last is not None:
            return (last.refused_s or 0.0) <= self._patience_s
        return kind is not ErrorClass.PERMANENT

    def remove(self, partitions: Iterable[int]) -> None:
        """Forget partitions whose record is done, or which were revoked."""
        for partition in partitions:
            self._by_partition.pop(partition, None)

    def check(self) -> str:
        """Raise DegradedError while a record waits: a readiness check."""
        waiting = [(*one, number) for number, one in list(self._by_partition.items())]
        if not waiting:
            return "no record waits"
        offset, since, attempts, _, _, error, partition = min(waiting, key=lambda one: one[1])
        others = f" So do {len(waiting) - 1} on other partitions." if len(waiting) > 1 else ""
        seconds = self._clock() - since
        raise DegradedError(f"record {partition}-{offset} waits for {seconds:.0f} s, {attempts} tries: {error}{others}")

    def _of(self, record: Record) -> _Waiting | None:
        found = self._by_partition.get(record.partition)
        return found if found is not None and found.offset == record.offset else None
