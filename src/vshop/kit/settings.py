"""Every setting of every service, in one table, read from ``SHOP_*`` environment variables.

``OTEL_*`` and ``AWS_*`` variables keep their standard meaning and are read by their own libraries.
"""

import difflib
import os
from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_args, get_type_hints

import msgspec
from msgspec import Meta

PREFIX = "SHOP_"
_MAY_BE_EMPTY = ("dynamodb_endpoint", "console_url")

Port = Annotated[int, Meta(ge=1, le=65535)]
Seconds = Annotated[float, Meta(gt=0, le=3600)]


class SettingsError(ValueError):
    """One or more ``SHOP_*`` variables hold a value that cannot be used; the text names every one of them."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of all services. Each field is the variable ``SHOP_<FIELD IN CAPITALS>``; units are in the names."""

    host: Annotated[str, Meta(description="Address every service listens on. Loopback unless told otherwise.")] = "127.0.0.1"
    orders_port: Annotated[Port, Meta(description="Port of orders.")] = 8080
    auth_port: Annotated[Port, Meta(description="Port of auth-stub.")] = 8081
    stock_port: Annotated[Port, Meta(description="Port of stock-updater's small HTTP surface.")] = 8082
    console_port: Annotated[Port, Meta(description="Port of the console and its chaos board.")] = 8090
    otlp_port: Annotated[Port, Meta(description="Port on which the observatory takes OTLP/HTTP.")] = 4318
    query_port: Annotated[Port, Meta(description="Port of the observatory's Jaeger query API.")] = 16686

    auth_url: Annotated[str, Meta(description="Base URL at which orders finds auth-stub (or a real Auth0 tenant).")] = (
        "http://127.0.0.1:8081"
    )
    auth_connect_timeout_s: Annotated[Seconds, Meta(description="How long orders waits for a connection to auth.")] = 0.5
    auth_read_timeout_s: Annotated[Seconds, Meta(description="How long orders waits for auth's answer.")] = 1.0
    token_issuer: Annotated[str, Meta(description="`iss` of the stub's tokens.")] = "https://virtual-shop.local/"
    token_audience: Annotated[str, Meta(description="`aud` a token must carry.")] = "https://virtual-shop.local/api"
    token_lifetime_s: Annotated[int, Meta(gt=0, description="Lifetime of a token the stub issues.")] = 3600
    token_key: Annotated[
        str,
        Meta(
            description="File with the key that signs the stub's tokens (PEM), made there when it is missing; "
            "empty: another key at each start."
        ),
    ] = ""

    kafka_bootstrap: Annotated[str, Meta(description="Kafka's bootstrap servers, host:port[,host:port].")] = "127.0.0.1:9092"
    kafka_properties: Annotated[
        str,
        Meta(
            description="More properties of librdkafka, such as a login: `name=value,name=value`, "
            "values percent-encoded where they hold a comma."
        ),
    ] = ""
    kafka_topic: Annotated[
        str,
        # https://github.com/apache/kafka/blob/4.3.1/clients/src/main/java/org/apache/kafka/common/internals/Topic.java, less `.dlq`
        Meta(
            pattern=r"^[a-zA-Z0-9._-]{1,245}\Z",
            description="Topic of new orders; its dead-letter topic is this name with `.dlq`.",
        ),
    ] = "queuing.retail_site.new_orders"
    kafka_partitions: Annotated[int, Meta(ge=1, description="Partitions of the topic when a service has to create it.")] = 4
    kafka_replication: Annotated[int, Meta(ge=1, description="Replication factor of the topics when created.")] = 1
    kafka_group: Annotated[str, Meta(description="Consumer group of stock-updater.")] = "stock-updater"
    kafka_ack_timeout_s: Annotated[Seconds, Meta(description="How long orders waits for Kafka's acknowledgement.")] = 5.0
    kafka_trace: Annotated[
        Literal["child", "link"],
        Meta(description="`child`: processing joins the order's trace. `link`: it is a trace of its own, linked to the order's."),
    ] = "child"

    dynamodb_endpoint: Annotated[str, Meta(description="Address of DynamoDB; empty for the real one in AWS.")] = (
        "http://127.0.0.1:8000"
    )
    dynamodb_table: Annotated[
        str,
        # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html; with room for
        # the `-archive` that stock-table-missing puts behind it
        Meta(pattern=r"^[a-zA-Z0-9_.-]{3,247}\Z", description="Table that holds the stock."),
    ] = "item-stock"
    write_attempts: Annotated[
        int, Meta(ge=1, description="Tries at one write that loses a race, before the record is dead-lettered.")
    ] = 5
    outage_patience_s: Annotated[
        float,
        Meta(
            gt=0,
            lt=300,
            description="How long stock-updater tries one record again while DynamoDB is away; then it is dead-lettered.",
        ),
    ] = 120.0

    orders_url: Annotated[str, Meta(description="Base URL at which the console's page places orders.")] = "http://127.0.0.1:8080"
    stock_url: Annotated[str, Meta(description="Base URL at which the console's page reads the stock.")] = "http://127.0.0.1:8082"
    observatory_url: Annotated[
        str, Meta(description="Base URL at which the console's page reads traces, logs, metrics and alerts.")
    ] = "http://127.0.0.1:16686"

    console_url: Annotated[
        str, Meta(description="Base URL of the chaos board that services follow; empty for none: then no incident is ever on.")
    ] = "http://127.0.0.1:8090"
    reveal_chaos: Annotated[
        bool, Meta(description="Whether an incident that is on leaves a `feature_flag.evaluation` event on the span, for teaching.")
    ] = False
    ack_timeout_s: Annotated[Seconds, Meta(description="How long the board waits for the services to take a switch over.")] = 2.0
    journal: Annotated[
        str,
        Meta(description="File in which the board keeps its journal, and from which it restores its switches; empty: in memory."),
    ] = ""

    payloads: Annotated[
        Literal["full", "metadata"],
        Meta(description="`full`: headers, bodies, keys and items are on the spans, secrets redacted. `metadata`: none of them."),
    ] = "full"
    payload_limit_bytes: Annotated[int, Meta(ge=64, description="Longest payload kept on a span; longer ones are cut, marked.")] = (
        8192
    )
    trace_url: Annotated[
        str, Meta(description="Where a person looks at a trace: `traceUrl` of an order's answer; `{traceId}` is put in.")
    ] = "http://127.0.0.1:16686/trace/{traceId}"

    store_max_spans: Annotated[
        int,
        Meta(ge=100, description="Spans held before whole old traces are dropped; log records share it as their count limit."),
    ] = 200_000
    store_max_bytes: Annotated[
        int,
        Meta(ge=1_000_000, description="Bytes of OTLP held before old ones are dropped: of traces, of logs, of metrics."),
    ] = 128_000_000
    forward: Annotated[
        str,
        Meta(
            description="OTLP endpoints that get all signals beside the observatory, with commas between them: "
            "`http://host:port` (http/protobuf) or `grpc://host:port`."
        ),
    ] = ""
    forward_headers: Annotated[
        str, Meta(description="Headers sent along, such as a key: `name=value,name=value`, as in OTEL_EXPORTER_OTLP_HEADERS.")
    ] = ""
    export_dir: Annotated[
        str, Meta(description="Folder for traces.jsonl, logs.jsonl and metrics.jsonl, one OTLP JSON object a line; empty for none.")
    ] = ""


def load(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings.

    Args:
        environ: variables to read instead of the process's own environment.

    Returns:
        The settings, defaults where a variable is unset or empty (``SHOP_DYNAMODB_ENDPOINT`` and ``SHOP_CONSOLE_URL``
            may be set to empty).

    Raises:
        SettingsError: a value cannot be used, or a ``SHOP_*`` variable is unknown; every one is named.
    """
    environ = os.environ if environ is None else environ
    hints = get_type_hints(Settings, include_extras=True)
    values: dict[str, Any] = {}
    problems: list[str] = []
    for key, text in environ.items():
        if not key.startswith(PREFIX):
            continue
        name = key.removeprefix(PREFIX).lower()
        if name not in hints:
            near = difflib.get_close_matches(name, hints, n=1)
            problems.append(f"{key}: no such setting" + (f"; did you mean {PREFIX}{near[0].upper()}?" if near else ""))
            continue
        if text == "" and name not in _MAY_BE_EMPTY:
            continue
        try:
            values[name] = msgspec.convert(text, hints[name], strict=False)
        except msgspec.ValidationError as error:
            problems.append(f"{key}={text!r}: {error}")
    if problems:
        raise SettingsError("These settings cannot be used:\n  " + "\n  ".join(problems) + "\n`vshop settings` lists them all.")
    return Settings(**values)


def table() -> list[tuple[str, str, str, str]]:
    """List every setting.

    Returns:
        One ``(variable, type, default, description)`` per setting, in the order of the class.
    """
    rows = []
    for name, hint in get_type_hints(Settings, include_extras=True).items():
        kind, description = _describe(hint)
        rows.append((PREFIX + name.upper(), kind, str(getattr(Settings(), name)), description))
    return rows


def _describe(hint: Any) -> tuple[str, str]:
    base, *metas = get_args(hint)
    kind = " | ".join(get_args(base)) if get_args(base) else base.__name__
    return kind, next(meta.description for meta in metas if meta.description)
