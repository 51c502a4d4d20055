"""What may pass is tried again; what never will goes to the dead letters."""

import pytest
from botocore.exceptions import (
    ConnectTimeoutError,
    EndpointConnectionError,
    ParamValidationError,
    ReadTimeoutError,
)

from stock_updater.failure import may_pass
from stock_updater.stock import UnknownItemError
from vshop.kit.events import InvalidRecordError


@pytest.mark.parametrize(
    "code",
    [
        "AccessDeniedException",
        "ExpiredTokenException",
        "InternalServerError",
        "LimitExceededException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "ServiceUnavailable",
        "ThrottlingException",
        "UnrecognizedClientException",
    ],
)
def test_what_dynamodb_calls_temporary_may_pass(refusal, code):
    """Programming.Errors of the developer guide."""
    assert may_pass(refusal(code))


@pytest.mark.parametrize("status", [500, 502, 503])
def test_a_server_error_may_pass_whatever_its_code(refusal, status):
    """A proxy in between has codes of its own."""
    assert may_pass(refusal(str(status), status))


@pytest.mark.parametrize(
    "error",
    [
        ReadTimeoutError(endpoint_url="x"),
        ConnectTimeoutError(endpoint_url="x"),
        EndpointConnectionError(endpoint_url="x"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_no_answer_may_pass(error):
    """DynamoDB is away or slow."""
    assert may_pass(error)


@pytest.mark.parametrize("code", ["ValidationException", "ConditionalCheckFailedException", "ResourceNotFoundException"])
def test_what_dynamodb_refuses_for_good_never_will(refusal, code):
    """The same request would be refused again."""
    assert not may_pass(refusal(code))


@pytest.mark.parametrize(
    "error",
    [
        ParamValidationError(report='Missing required parameter in input: "Key"'),
        InvalidRecordError("no order"),
        UnknownItemError("no item"),
        ZeroDivisionError(),
        TypeError(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_our_own_mistakes_never_will(error):
    """Nothing was asked of DynamoDB."""
    assert not may_pass(error)
