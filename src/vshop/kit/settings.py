"""Every setting of every service, read from ``SHOP_*`` variables.

``OTEL_*`` and ``AWS_*`` variables are read by their own libraries.
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
    """``SHOP_*`` variables are unknown or invalid; the message names all."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """A field's variable is ``SHOP_<FIELD IN CAPITALS>``; names end in units."""

    host: Annotated[str, Meta(description="Address that every service listens on. Loopback by default.")] = "127.0.0.1"
    orders_port: Annotated[Port, Meta(description="Port of orders.")] = 8080
    auth_port: Annotated[Port, Meta(description="Port of auth-stub.")] = 8081
    stock_port: Annotated[Port, Meta(description="Port of stock-updater's HTTP API.")] = 8082
    console_port: Annotated[Port, Meta(description="Port of the console and its chaos board.")] = 8090
    otlp_port: Annotated[Port, Meta(description="Port on which the observatory receives OTLP/HTTP.")] = 4318
    otlp_grpc_port: Annotated[
        int,
        Meta(
            ge=0,
            le=65535,
            description="Port on which the observatory receives OTLP/gRPC, if `virtual-shop[grpc]` is installed; 0 for none.",
        ),
    ] = 4317
    query_port: Annotated[Port, Meta(description="Port of the observatory's Jaeger query API.")] = 16686

    auth_url: Annotated[str, Meta(description="Base URL at which orders finds auth-stub (or a real Auth0 tenant).")] = (
        "http://127.0.0.1:8081"
    )
    auth_connect_timeout_s: Annotated[Seconds, Meta(description="How long orders waits for a connection to auth.")] = 0.5
    auth_read_timeout_s: Annotated[Seconds, Meta(description="How long orders waits for auth's answer.")] = 1.0
    token_issuer: Annotated[str, Meta(description="`iss` of the stub's tokens.")] = "https://virtual-shop.local/"
    token_audience: Annotated[str, Meta(description="`aud` that a token must have.")] = "https://virtual-shop.local/api"
    token_lifetime_s: Annotated[int, Meta(gt=0, description="Lifetime of the stub's tokens.")] = 3600
    token_key: Annotated[
        str,
        Meta(
            description="File with the key that signs the stub's tokens (PEM), created if it is missing; "
            "empty: a new key at each start."
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
    kafka_partitions: Annotated[int, Meta(ge=1, description="Partitions of the topic if a service creates it.")] = 4
    kafka_replication: Annotated[int, Meta(ge=1, description="Replication factor of the topics if a service creates them.")] = 1
    kafka_group: Annotated[str, Meta(description="Consumer group of stock-updater.")] = "stock-updater"
    kafka_ack_timeout_s: Annotated[Seconds, Meta(description="How long orders waits for Kafka's acknowledgement.")] = 5.0
    kafka_trace: Annotated[
        Literal["child", "link"],
        Meta(description="`child`: processing joins the order's trace. `link`: it starts a new trace, linked to the order's."),
    ] = "child"

    dynamodb_endpoint: Annotated[str, Meta(description="Address of DynamoDB; empty for the real one in AWS.")] = (
        "http://127.0.0.1:8000"
    )
    dynamodb_table: Annotated[
        str,
        # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html; with room for
        # the suffix `-archive` of stock-table-missing
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
            description="How long stock-updater retries a record that DynamoDB does not permit, before it dead-letters the record.",
        ),
    ] = 120.0

    orders_url: Annotated[str, Meta(description="Base URL at which the console's page places orders.")] = "http://127.0.0.1:8080"
    stock_url: Annotated[str, Meta(description="Base URL at which the console's page reads the stock.")] = "http://127.0.0.1:8082"
    observatory_url: Annotated[
        str, Meta(description="Base URL at which the console's page reads traces, logs, metrics and alerts.")
    ] = "http://127.0.0.1:16686"

    console_url: Annotated[
        str, Meta(description="Base URL of the chaos board that services follow; empty: all incidents stay off.")
    ] = "http://127.0.0.1:8090"
    reveal_chaos: Annotated[
        bool, Meta(description="Whether an incident that is on adds a `feature_flag.evaluation` event to the span, for teaching.")
    ] = False
    ack_timeout_s: Annotated[Seconds, Meta(description="How long the board waits for the services to acknowledge a switch.")] = 2.0
    journal: Annotated[
        str,
        Meta(description="File in which the board keeps its journal, and from which it restores its switches; empty: in memory."),
    ] = ""

    telemetry: Annotated[
        str,
        Meta(
            description="Who instruments orders, auth-stub and stock-updater. `sdk`: themselves. `none`: nobody. "
            "`zero-code`: `opentelemetry-instrument`. Any other value: the command that starts your agent, such as `ddtrace-run`."
        ),
    ] = "sdk"
    tail_sampling: Annotated[
        float,
        Meta(
            ge=0,
            le=100,
            description="What a Collector with tail sampling before the trace storage keeps, in percent, of the traces without an "
            "error. Below 100, `vshop up` and `vshop order` expect that traces are missing.",
        ),
    ] = 100.0
    payloads: Annotated[
        Literal["full", "metadata"],
        Meta(
            description="`full`: spans show headers, bodies, keys and items, with secrets redacted. `metadata`: none of them. "
            "Where an agent exports, they are shown only if this variable is set to `full`."
        ),
    ] = "full"
    payload_limit_bytes: Annotated[int, Meta(ge=64, description="Longest payload on a span; longer ones are cut and marked.")] = (
        8192
    )
    exceptions: Annotated[
        Literal["event", "log", "both"],
        Meta(
            description="Where services that instrument themselves record exceptions. `event`: as events of the span. "
            "`log`: as log records of the span. `both`: twice."
        ),
    ] = "event"
    trace_url: Annotated[
        str, Meta(description="URL of a trace's page, with the placeholder `{traceId}`: `traceUrl` in the response to an order.")
    ] = "http://127.0.0.1:16686/trace/{traceId}"

    store_max_spans: Annotated[
        int,
        Meta(ge=100, description="Spans stored before the oldest traces are dropped; also the limit for log records."),
    ] = 200_000
    store_max_bytes: Annotated[
        int,
        Meta(ge=1_000_000, description="Bytes of OTLP stored before the oldest are dropped, for each of traces, logs and metrics."),
    ] = 128_000_000
    forward: Annotated[
        str,
        Meta(
            description="Further OTLP endpoints that receive all signals, separated by commas: "
            "`http://host:port` (http/protobuf) or `grpc://host:port`. Each may have its own signals and headers: "
            "`http://host:port;signals=traces,logs;header=name=value`."
        ),
    ] = ""
    forward_headers: Annotated[
        str,
        Meta(
            description="Headers for the endpoint in SHOP_FORWARD: `name=value,name=value`, as in OTEL_EXPORTER_OTLP_HEADERS. "
            "With several endpoints, give each its own instead."
        ),
    ] = ""
    allowed_hosts: Annotated[
        str,
        Meta(
            description="Host names with dots under which changes are accepted, separated by commas; IP addresses and names of "
            "container engines and clusters always are."
        ),
    ] = ""
    cors_origins: Annotated[
        str,
        Meta(
            description="Origins whose pages may send telemetry to the observatory and evaluate the console's flags, besides those "
            "of loopback: `https://shop.example,https://other.example`, or `*`."
        ),
    ] = ""
    export_dir: Annotated[
        str,
        Meta(description="Folder for traces.jsonl, logs.jsonl and metrics.jsonl, one OTLP JSON object per line; empty: no files."),
    ] = ""


def load(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings. Raises SettingsError.

    An empty variable counts as unset, except for ``SHOP_DYNAMODB_ENDPOINT`` and ``SHOP_CONSOLE_URL``.
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
    """Return ``(variable, type, default, description)`` of each setting."""
    rows = []
    for name, hint in get_type_hints(Settings, include_extras=True).items():
        kind, description = _describe(hint)
        rows.append((PREFIX + name.upper(), kind, str(getattr(Settings(), name)), description))
    return rows


def _describe(hint: Any) -> tuple[str, str]:
    base, *metas = get_args(hint)
    kind = " | ".join(get_args(base)) if get_args(base) else base.__name__
    return kind, next(meta.description for meta in metas if meta.description)
