"""Tells failures that may pass from those that never will."""

from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html: those to try again, and AccessDenied:
# it is about this service's role, which may be put right or not be known everywhere yet, and not about the record.
_PASSING_CODES = {
    "AccessDeniedException",
    "ExpiredTokenException",
    "InternalServerError",
    "ItemCollectionSizeLimitExceededException",
    "LimitExceededException",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "ServiceUnavailable",
    "ThrottlingException",
    "UnrecognizedClientException",
}


def may_pass(error: BaseException) -> bool:
    """Tell whether trying again may help: DynamoDB is away, slow or overloaded, or does not let this service in yet.

    Everything else (a record that is no order, a request that DynamoDB calls invalid, a race lost at every try)
    would fail the same way again, and belongs on the dead-letter topic.
    """
    if isinstance(error, ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return error.response["Error"]["Code"] in _PASSING_CODES or status >= 500
    return isinstance(error, BotoCoreError) and not isinstance(error, ParamValidationError)
