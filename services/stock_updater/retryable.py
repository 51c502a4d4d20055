"""Which errors may pass, and how long a record waits. Only what can never succeed becomes a dead letter at once.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html, botocore's ``retries/standard.py`` and
``data/_retry.json``.
"""

import secrets
import time
from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import NamedTuple

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    NoCredentialsError,
    ParamValidationError,
    PartialCredentialsError,
)
from botocore.parsers import ResponseParserError

from vshop.kit.http.health import DegradedError
from vshop.kit.kafka.record import Record

_FIRST_S, _LONGEST_S = 0.2, 5.0
_LONGEST_TRY_S = 20.0
"""With its pause. A longer gap means that the process was paused, which uses up no patience."""
_random = secrets.SystemRandom()


class ErrorClass(StrEnum):
    """TRANSIENT waits without a limit, OPERATOR for ``SHOP_OUTAGE_PATIENCE_S``."""

    TRANSIENT = "transient"
    OPERATOR = "operator"
    PERMANENT = "permanent"


CODES: dict[ErrorClass, frozenset[str]] = {
    ErrorClass.TRANSIENT: frozenset(
        (
            # DynamoDB failed
            *("InternalFailure", "InternalServerError", "InternalServerErrorException", "PriorRequestNotComplete"),
            *("RequestTimeout", "RequestTimeoutException", "ServiceUnavailable", "ServiceUnavailableException"),
            # another request has the item
            *("ReplicatedWriteConflictException", "TransactionConflict", "TransactionConflictException"),
            "TransactionInProgressException",
            # too many requests
            *("BandwidthLimitExceeded", "LimitExceededException", "RequestLimitExceeded", "SlowDown", "TooManyRequestsException"),
            *("EC2ThrottledException", "RequestThrottled", "RequestThrottledException", "ThrottledException"),
            *("Throttling", "ThrottlingError", "ThrottlingException"),
            *("ProvisionedThroughputExceeded", "ProvisionedThroughputExceededException"),
            # this machine's clock and AWS's differ by more than five minutes; a wrong secret looks the same
            *("InvalidSignatureException", "RequestExpired", "RequestInTheFuture", "RequestTimeTooSkewed", "SignatureDoesNotMatch"),
        )
    ),
    # A role may still be propagating, or somebody has to fix it.
    ErrorClass.OPERATOR: frozenset(
        (
            *("AccessDenied", "AccessDeniedException", "ExpiredToken", "ExpiredTokenException", "IncompleteSignatureException"),
            *("InvalidClientTokenId", "InvalidToken", "MissingAuthenticationTokenException", "UnrecognizedClientException"),
            "ItemCollectionSizeLimitExceededException",
        )
    ),
}
_BY_CODE = {code: kind for kind, codes in CODES.items() for code in codes}


def classify(error: BaseException) -> ErrorClass:
    """Return the class: by DynamoDB's code, else the HTTP status, else the exception."""
    if isinstance(error, ClientError):
        return _classify_refusal(error)
    if isinstance(error, CredentialRetrievalError | NoCredentialsError | PartialCredentialsError):
        return ErrorClass.OPERATOR
    lost = isinstance(error, BotoCoreError | ResponseParserError) and not isinstance(error, ParamValidationError)
    return ErrorClass.TRANSIENT if lost else ErrorClass.PERMANENT


def _classify_refusal(error: ClientError) -> ErrorClass:
    code, status = error.response["Error"]["Code"], error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code in _BY_CODE:
        return _BY_CODE[code]
    if status in {408, 429} or status >= 500:
        return ErrorClass.TRANSIENT
    # Without a code, for which botocore puts the status, it is not DynamoDB's answer but a proxy's: somebody has to fix that.
    return ErrorClass.OPERATOR if code.isdecimal() else ErrorClass.PERMANENT


def backoff_s(attempt: int) -> float:
    """Return the pause in seconds, from 0, with full jitter, so that consumers do not retry in step."""
    return _random.uniform(0, min(_LONGEST_S, _FIRST_S * 2.0 ** min(attempt, 10)))


class _Waiting(NamedTuple):
    offset: int
    since: float
    attempts: int
    last: float
    refused_s: float | None  # for how long every try has been refused for the operator
    error: BaseException


class WaitingRecords:
    """The records that DynamoDB or Kafka keeps waiting, one on each partition: for the consumer and the readiness check."""

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
        waiting = list(self._by_partition.items())
        if not waiting:
            return "no record waits"
        partition, first = min(waiting, key=lambda one: one[1].since)
        others = f" So do {len(waiting) - 1} on other partitions." if len(waiting) > 1 else ""
        seconds = self._clock() - first.since
        raise DegradedError(
            f"record {partition}-{first.offset} waits for {seconds:.0f} s, {first.attempts} tries: {first.error}{others}"
        )

    def _of(self, record: Record) -> _Waiting | None:
        found = self._by_partition.get(record.partition)
        return found if found is not None and found.offset == record.offset else None
