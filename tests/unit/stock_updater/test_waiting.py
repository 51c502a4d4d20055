from types import SimpleNamespace

import pytest
from botocore.exceptions import EndpointConnectionError

from stock_updater.retryable import WaitingRecords
from vshop.kit.http.health import DegradedError

AWAY = EndpointConnectionError(endpoint_url="http://dynamodb")


@pytest.fixture
def clock():
    return SimpleNamespace(now=100.0)


@pytest.fixture
def waiting(clock):
    return WaitingRecords(60, lambda: clock.now)


@pytest.fixture
def fail(waiting, clock):
    def fail(record, error, every_s=5.0):
        for tries in range(1, 101):
            if not waiting.must_wait(record, error):
                return tries
            waiting.add(record, error)
            clock.now += every_s
        return 100

    return fail


def test_a_refusal_for_the_operator_waits_for_its_patience(fail, make_record, refusal):
    assert fail(make_record(3), refusal("AccessDeniedException")) == 15  # after 0, 5, … 65 s


def test_a_transient_error_waits_without_a_limit(fail, make_record):
    assert fail(make_record(3), AWAY) == 100


def test_a_pause_of_the_process_uses_up_no_patience(waiting, clock, make_record, refusal):
    """Else the first try after the pause would be the last one."""
    record, error = make_record(3), refusal("AccessDeniedException")
    waiting.add(record, error)
    clock.now += 1000
    waiting.add(record, error)

    assert waiting.must_wait(record, error)


def test_an_outage_before_the_refusal_uses_up_no_patience(waiting, clock, fail, make_record, refusal):
    fail(make_record(3), AWAY)

    assert fail(make_record(3), refusal("AccessDeniedException")) > 10


def test_records_on_two_partitions_wait_side_by_side(waiting, clock, make_record, refusal):
    """They take turns, so that neither keeps its partition waiting for ever."""
    error = refusal("AccessDeniedException")
    records = [make_record(3), make_record(7)._replace(partition=1)]
    for _ in range(8):
        for record in records:
            waiting.add(record, error)
            clock.now += 5

    assert [waiting.must_wait(record, error) for record in records] == [False, False]
    assert not waiting.must_wait(records[0], refusal("ValidationException"))


def test_the_check_names_the_oldest_record_and_counts_the_others(waiting, clock, make_record):
    waiting.add(make_record(3), AWAY)
    clock.now += 5
    waiting.add(make_record(7)._replace(partition=1), AWAY)

    with pytest.raises(DegradedError, match=r"record 0-3 waits for 5 s, 1 tries: Could not .* So do 1 on other partitions"):
        waiting.check()
    waiting.remove([0])
    with pytest.raises(DegradedError, match="record 1-7 waits for 0 s"):
        waiting.check()
    waiting.remove([1])
    assert waiting.check() == "no record waits"
