import pytest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList

from observatory.store import otlp


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (3.0, "3"),
        (0.5, "0.5"),
        (123456.789, "123456.789"),
        (1e-5, "1e-05"),
        (1e20, "100000000000000000000"),
        (float("nan"), "NaN"),
        (float("-inf"), "-Inf"),
    ],
)
def test_floats(value, text):
    assert otlp.text(AnyValue(double_value=value)) == text


def test_structured_values_are_compact_json_with_sorted_keys():
    items = [AnyValue(), AnyValue(bool_value=True), AnyValue(bytes_value=b"\x00\xff"), AnyValue(double_value=2.0)]
    value = AnyValue(
        kvlist_value=KeyValueList(
            values=[
                KeyValue(key="b", value=AnyValue(array_value=ArrayValue(values=items))),
                KeyValue(key="a", value=AnyValue(string_value='<ü>&\u2028\n"')),
            ]
        )
    )

    assert otlp.text(value) == '{"a":"<ü>&\u2028\\n\\"","b":[null,true,"AP8=",2.0]}'
