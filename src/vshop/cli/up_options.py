"""Options of ``vshop up``."""

from typing import Annotated, Literal

import typer

from vshop.kit.telemetry.modes import VARIABLE

Home = Annotated[
    str | None,
    typer.Option(metavar="FOLDER", help="Folder for the shop's state, logs and data (default: VSHOP_HOME, else per user)"),
]
ModeName = Annotated[
    Literal["embedded", "compose", "k8s"],
    typer.Option(
        help="Where the shop runs: processes on this machine (`embedded`), containers with real Jaeger, Kafka and DynamoDB Local "
        "(`compose`), or a Kubernetes cluster (`k8s`)"
    ),
]
Port = Annotated[
    list[str] | None, typer.Option("--port", "-p", metavar="NAME=NUMBER", help="Use another port, e.g. orders=18080 (repeatable)")
]
FreePorts = Annotated[bool, typer.Option("--free-ports", help="Use free ports for all parts")]
Keep = Annotated[bool, typer.Option("--keep", help="Keep the orders and stock of the last run")]
DynamoDb = Annotated[
    Literal["moto", "local"], typer.Option(help="DynamoDB emulator: moto, or DynamoDB Local (under Amazon's licence)")
]
Jaeger = Annotated[
    str, typer.Option(help="Jaeger to run beside the observatory: `auto` (found on PATH), `none`, a program, or an address")
]
Overlay = Annotated[
    str, typer.Option(help="Kubernetes: overlay `local`, `scale`, `aws`, `tail-sampling`, or a folder with a kustomization")
]
Image = Annotated[str, typer.Option(help="Kubernetes: image that the cluster has or can pull (default: build one)")]
ImageLoader = Annotated[
    str,
    typer.Option(
        envvar="VSHOP_K8S_LOAD",
        help="Kubernetes: command that loads an image from Docker into the cluster, e.g. `kind load docker-image`",
    ),
]
VolumePermissions = Annotated[
    bool,
    typer.Option(
        "--volume-permissions",
        envvar="VSHOP_K8S_VOLUME_PERMISSIONS",
        help="Kubernetes: make volumes writable in a root init container, for clusters that ignore fsGroup",
    ),
]
Link = Annotated[
    bool, typer.Option("--link", help="Process each order in a new trace linked to the order's (SHOP_KAFKA_TRACE=link)")
]
Forward = Annotated[
    str,
    typer.Option(
        metavar="TARGETS",
        help="Also send signals to these OTLP endpoints (SHOP_FORWARD), separated by commas: "
        "`http://host:port` or `grpc://host:port`, each with options such as `;signals=traces,logs` and `;header=x-api-key=secret`",
    ),
]

TailSampling = Annotated[
    float | None,
    typer.Option(
        min=0,
        max=100,
        metavar="PERCENT",
        help="Compose: keep all traces with an error and this share of the rest, by a Collector (SHOP_TAIL_SAMPLING)",
    ),
]

Telemetry = Annotated[
    str,
    typer.Option(
        metavar="MODE",
        envvar=VARIABLE,
        help="Who instruments orders, auth-stub and stock-updater: `sdk` (themselves, the default), `none`, `zero-code` "
        "(opentelemetry-instrument), or the command that starts your agent, e.g. `ddtrace-run`",
    ),
]
