"""How every client of Kafka connects: where to, and with what login."""

from urllib.parse import unquote

from vshop.kit.settings import Settings

# A broker whose machine or network goes closes no connection. With librdkafka's minute until it gives an answer up, a consumer was
# seen to stay out of its group for good when that happened twice; in seconds it finds the broker's new address and goes on.
_GONE_WITHOUT_A_WORD = {"socket.timeout.ms": "6000", "socket.connection.setup.timeout.ms": "5000"}


def connection(settings: Settings) -> dict[str, str]:
    """Return the properties that all of librdkafka's clients share.

    https://github.com/confluentinc/librdkafka/blob/master/CONFIGURATION.md

    Args:
        settings: ``kafka_bootstrap`` and ``kafka_properties`` are read; what these say goes before what stands here.
    """
    given = (pair.partition("=") for pair in settings.kafka_properties.split(",") if pair.strip())
    return (
        {"bootstrap.servers": settings.kafka_bootstrap}
        | _GONE_WITHOUT_A_WORD
        | {name.strip(): unquote(value.strip()) for name, _, value in given}
    )
