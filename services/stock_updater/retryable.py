"""Classifies errors. Only what can never succeed becomes a dead letter at once.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html, botocore's ``retries/standard.py`` and
``data/_retry.json``.
"""

import re
import secrets
from enum import StrEnum

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    NoCredentialsError,
    ParamValidationError,
    PartialCredentialsError,
)
from botocore.parsers import ResponseParserError

_FIRST_S, _LONGEST_S = 0.2, 5.0
_random = secrets.SystemRandom()


class ErrorClass(StrEnum):
    """TRANSIENT, THROTTLING and CLOCK wait without a limit, OPERATOR for ``SHOP_OUTAGE_PATIENCE_S``."""

    TRANSIENT = "transient"
    THROTTLING = "throttling"
    CLOCK = "clock"
    OPERATOR = "operator"
    PERMANENT = "permanent"


CODES: dict[ErrorClass, frozenset[str]] = {
    ErrorClass.TRANSIENT: frozenset(
        {
            "InternalFailure",
            "InternalServerError",
            "InternalServerErrorException",
            "PriorRequestNotComplete",
            "ReplicatedWriteConflictException",
            "RequestTimeout",
            "RequestTimeoutException",
            "ServiceUnavailable",
            "ServiceUnavailableException",
            "TransactionConflict",
            "TransactionConflictException",
            "TransactionInProgressException",
        }
    ),
    ErrorClass.THROTTLING: frozenset(
        {
            "BandwidthLimitExceeded",
            "EC2ThrottledException",
            "LimitExceededException",
            "ProvisionedThroughputExceeded",
            "ProvisionedThroughputExceededException",
            "RequestLimitExceeded",
            "RequestThrottled",
            "RequestThrottledException",
            "SlowDown",
            "ThrottledException",
            "Throttling",
            "ThrottlingError",
            "ThrottlingException",
            "TooManyRequestsException",
        }
    ),
    # This machine's clock and AWS's differ by more than five minutes; a wrong secret looks the same.
    ErrorClass.CLOCK: frozenset(
        {
            "InvalidSignatureException",
            "RequestExpired",
            "RequestInTheFuture",
            "RequestTimeTooSkewed",
            "SignatureDoesNotMatch",
        }
    ),
    # A role may still be propagating, or somebody has to fix it.
    ErrorClass.OPERATOR: frozenset(
        {
            "AccessDenied",
            "AccessDeniedException",
            "ExpiredToken",
            "ExpiredTokenException",
            "IncompleteSignatureException",
            "InvalidClientTokenId",
            "InvalidToken",
            "ItemCollectionSizeLimitExceededException",
            "MissingAuthenticationTokenException",
            "UnrecognizedClientException",
        }
    ),
}
_BY_CODE = {code: kind for kind, codes in CODES.items() for code in codes}
_BY_STATUS = {408: ErrorClass.TRANSIENT, 429: ErrorClass.THROTTLING}
_SERVER_ERROR = 500
_SEVEREST_FIRST = (ErrorClass.PERMANENT, ErrorClass.OPERATOR, ErrorClass.CLOCK, ErrorClass.THROTTLING, ErrorClass.TRANSIENT)
_REASONS = re.compile(r"reasons? \[([\w, ]*)\]")
_NO_CREDENTIALS = (CredentialRetrievalError, NoCredentialsError, PartialCredentialsError)


def classify(error: BaseException) -> ErrorClass:
    """Return the class: by DynamoDB's code, else the HTTP status, else the exception."""
    if isinstance(error, ClientError):
        return _classify_refusal(error)
    if isinstance(error, _NO_CREDENTIALS):
        return ErrorClass.OPERATOR
    lost = isinstance(error, BotoCoreError | ResponseParserError) and not isinstance(error, ParamValidationError)
    return ErrorClass.TRANSIENT if lost else ErrorClass.PERMANENT


def _classify_refusal(error: ClientError) -> ErrorClass:
    code, status = error.response["Error"]["Code"], error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code == "TransactionCanceledException":
        return _classify_reasons(error.response["Error"].get("Message", ""))
    if code in _BY_CODE or status >= _SERVER_ERROR:
        return _BY_CODE.get(code, ErrorClass.TRANSIENT)
    # Without a code, for which botocore puts the status, it is not DynamoDB's answer but a proxy's: somebody has to fix that.
    return _BY_STATUS.get(status, ErrorClass.OPERATOR if code.isdecimal() else ErrorClass.PERMANENT)


def _classify_reasons(message: str) -> ErrorClass:
    """Each of "specific reasons [TransactionConflict, None]" has to be retryable."""
    listed = _REASONS.search(message)
    reasons = set(listed[1].split(", ")) - {"None", ""} if listed else set()
    kinds = [_BY_CODE.get(reason, ErrorClass.PERMANENT) for reason in reasons]
    return min(kinds, key=_SEVEREST_FIRST.index, default=ErrorClass.PERMANENT)


def is_retryable(error: BaseException) -> bool:
    """Return whether a retry may succeed."""
    return classify(error) is not ErrorClass.PERMANENT


def backoff_s(attempt: int) -> float:
    """Return the pause in seconds, from 0, with full jitter, so that consumers do not retry in step."""
    return _random.uniform(0, min(_LONGEST_S, _FIRST_S * 2.0 ** min(attempt, 10)))
