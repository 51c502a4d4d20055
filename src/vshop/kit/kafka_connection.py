"""How every client of Kafka connects: where to, and with what login."""

from urllib.parse import unquote

from vshop.kit.settings import Settings


def connection(settings: Settings) -> dict[str, str]:
    """Return the properties that all of librdkafka's clients share.

    https://github.com/confluentinc/librdkafka/blob/master/CONFIGURATION.md

    Args:
        settings: ``kafka_bootstrap`` and ``kafka_properties`` are read.
    """
    given = (pair.partition("=") for pair in settings.kafka_properties.split(",") if pair.strip())
    return {"bootstrap.servers": settings.kafka_bootstrap} | {name.strip(): unquote(value.strip()) for name, _, value in given}
