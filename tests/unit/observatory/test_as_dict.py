import base64
import math
import random

import pytest
from google.protobuf.json_format import MessageToDict
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.metrics.v1.metrics_pb2 import HistogramDataPoint, SummaryDataPoint
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from observatory.store.otlp import as_dict
from tests.any_otlp import fill


def hex_ids(value):
    if isinstance(value, list):
        return [hex_ids(item) for item in value]
    if not isinstance(value, dict):
        return value
    found = {key: hex_ids(item) for key, item in value.items()}
    found |= {key: base64.b64decode(found[key]).hex() for key in ("traceId", "spanId", "parentSpanId") if key in found}
    return found | {"value": {}} if "key" in found and "value" not in found else found


@pytest.mark.parametrize("message_type", [Span, LogRecord, SummaryDataPoint])
@settings(max_examples=50, deadline=None, derandomize=True, database=None)
@given(seed=st.integers(0, 2**32))
def test_json_is_that_of_protobuf_but_for_ids(message_type, seed):
    message = message_type()
    fill(message, random.Random(seed))  # noqa: S311 - tests

    assert as_dict(message) == hex_ids(MessageToDict(message, use_integers_for_enums=True))


def test_json_of_repeated_numbers_is_that_of_protobuf():
    message = HistogramDataPoint(bucket_counts=[0, 2**63], explicit_bounds=[-0.5, math.inf, -math.inf, math.nan], sum=0)

    assert as_dict(message) == MessageToDict(message)
