"""How each part is run: its command line and its environment."""

from typing import NamedTuple

from vshop.runtime import aot, dynamodb_local, environment, jaeger, kafka
from vshop.runtime.folders import Home
from vshop.runtime.jars import DYNAMODB, KAFKA
from vshop.runtime.options import Options
from vshop.runtime.parts import Part
from vshop.runtime.progress import Event, Progress


class Surroundings(NamedTuple):
    """What a command depends on."""

    options: Options
    home: Home
    ports: dict[str, int]
    env: dict[str, str]
    """The environment of the shop's processes."""
    progress: Progress
    kafka_flags: tuple[str, ...] = ()
    """More flags for Kafka's JVM, in place of those that use the start cache."""


def must_fetch(part: Part, options: Options) -> bool:
    """Say whether a part's files have yet to be fetched.

    Args:
        part: which.
        options: how the shop is started.
    """
    files = KAFKA if part.name == "kafka" else DYNAMODB if part.name == "dynamodb" and options.dynamodb == "local" else None
    return files is not None and not files.here()


def of(part: Part, around: Surroundings, *, keep: bool) -> tuple[list[str], dict[str, str]]:
    """Say how a part is run; what it needs is fetched and written.

    Args:
        part: which.
        around: what the command depends on.
        keep: the part keeps its data.

    Returns:
        The command line and the environment.

    Raises:
        FetchError: the part's files are not to be had.
    """
    env, ports = around.env, around.ports
    if part.name == "kafka":
        properties = kafka.prepare(around.home.kafka, ports["kafka"], ports["controller"], keep=keep)
        files = KAFKA.ensure(around.progress)
        return kafka.command(properties, files, around.kafka_flags or aot.flags()), kafka.environment(env)
    if part.name == "dynamodb" and around.options.dynamodb == "local":
        around.progress(Event(part.name, "note", dynamodb_local.NOTICE))
        files = DYNAMODB.ensure(around.progress)
        return dynamodb_local.command(files, ports["dynamodb"], around.home.dynamodb), kafka.environment(env)
    if part.name == "dynamodb":
        if around.home.stock.exists():
            around.progress(Event(part.name, "note", "begins with the stock that the last stop saved"))
        return [*environment.command(part, ports), str(around.home.stock)], env
    if part.name == "jaeger":
        return jaeger.command(around.options.jaeger), env | jaeger.environment(around.home.jaeger, ports)
    return environment.command(part, ports), env
