import pytest
from botocore.exceptions import (
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    ParamValidationError,
    ReadTimeoutError,
)
from botocore.loaders import Loader
from botocore.parsers import ResponseParserError

from stock_updater.retryable import CODES, ErrorClass, backoff_s, classify
from stock_updater.stock import UnknownItemError
from vshop.kit.order import InvalidRecordError


def is_retryable(error):
    return classify(error) is not ErrorClass.PERMANENT


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
def test_codes_that_dynamodb_documents_as_retryable(refusal, code):
    assert is_retryable(refusal(code))


@pytest.mark.parametrize("status", [500, 502, 503])
def test_a_server_error_is_retryable_with_any_code(refusal, status):
    """A proxy in front of DynamoDB may use other codes."""
    assert is_retryable(refusal(str(status), status))


@pytest.mark.parametrize(
    "error",
    [
        ReadTimeoutError(endpoint_url="x"),
        ConnectTimeoutError(endpoint_url="x"),
        EndpointConnectionError(endpoint_url="x"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_missing_response_is_retryable(error):
    assert is_retryable(error)


@pytest.mark.parametrize("code", ["ValidationException", "ConditionalCheckFailedException", "ResourceNotFoundException"])
def test_an_invalid_request_is_not_retryable(refusal, code):
    assert not is_retryable(refusal(code))


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
def test_an_error_of_the_service_itself_is_not_retryable(error):
    assert not is_retryable(error)


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504, 509])
def test_an_answer_without_a_code_is_classified_by_its_status(refusal, status):
    assert classify(refusal(str(status), status)) == ErrorClass.TRANSIENT


@pytest.mark.parametrize("code", ["RequestTimeout", "TransactionInProgressException", "TransactionConflictException"])
def test_transient_errors(refusal, code):
    assert classify(refusal(code)) == ErrorClass.TRANSIENT


@pytest.mark.parametrize("error", [ResponseParserError("cut off"), ReadTimeoutError(endpoint_url="x")], ids=repr)
def test_an_incomplete_answer_is_transient(error):
    assert classify(error) == ErrorClass.TRANSIENT


@pytest.mark.parametrize("code", ["Throttling", "ThrottlingException", "ProvisionedThroughputExceededException", "SlowDown"])
def test_throttling_errors(refusal, code):
    assert classify(refusal(code)) == ErrorClass.TRANSIENT


@pytest.mark.parametrize("code", ["InvalidSignatureException", "RequestExpired", "RequestTimeTooSkewed"])
def test_clock_errors(refusal, code):
    assert classify(refusal(code, 403)) == ErrorClass.TRANSIENT


@pytest.mark.parametrize("code", ["AccessDeniedException", "UnrecognizedClientException"])
def test_errors_for_the_operator(refusal, code):
    assert classify(refusal(code)) == classify(NoCredentialsError()) == ErrorClass.OPERATOR


@pytest.mark.parametrize("code", ["ValidationException", "ConditionalCheckFailedException", "ResourceNotFoundException"])
def test_permanent_errors(refusal, code):
    assert classify(refusal(code)) == ErrorClass.PERMANENT


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 407, 413])
def test_a_refusal_by_a_proxy_waits_for_the_operator(refusal, status):
    """It has no code of DynamoDB, so that it says nothing about the record."""
    assert classify(refusal(str(status), status)) == ErrorClass.OPERATOR
    assert classify(refusal("ValidationException", status)) == ErrorClass.PERMANENT


@pytest.mark.parametrize("status", [400, 429, 500, 503])
@pytest.mark.parametrize("code", ["ThrottlingException", "Throttling", "ThrottlingError", "ProvisionedThroughputExceededException"])
def test_throttling_has_any_status(refusal, code, status):
    assert classify(refusal(code, status)) == ErrorClass.TRANSIENT


def test_every_code_that_botocore_retries_is_retryable(refusal):
    definitions = Loader().load_data("_retry")
    retried = [definitions["definitions"], definitions["retry"]["dynamodb"]["__default__"]["policies"]]
    rules = [rule["applies_when"].get("response", {}) for group in retried for rule in group.values()]
    codes = [(rule["service_error_code"], rule["http_status_code"]) for rule in rules if "service_error_code" in rule]
    statuses = [rule["http_status_code"] for rule in rules if rule.keys() == {"http_status_code"}]

    assert (len(codes) >= 7, len(statuses) >= 5) == (True, True)
    assert [code for code, status in codes if not is_retryable(refusal(code, status))] == []
    assert [status for status in statuses if not is_retryable(refusal("any", status))] == []


def test_a_code_is_in_one_class():
    codes = [code for kind in CODES.values() for code in kind]

    assert len(codes) == len(set(codes))


def test_the_pauses_grow_and_differ():
    pauses = [[backoff_s(attempt) for _ in range(200)] for attempt in range(8)]

    assert [max(drawn) <= bound for drawn, bound in zip(pauses, (0.2, 0.4, 0.8, 1.6, 3.2, 5, 5, 5), strict=True)] == [True] * 8
    assert max(pauses[7]) > 2.5 > min(pauses[7])
    assert backoff_s(10**6) <= 5
