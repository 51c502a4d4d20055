"""Connects to Kafka: client properties, topics, readiness check."""

import logging
import re
import threading
import time
from collections.abc import Callable
from typing import Any, Protocol
from urllib.parse import unquote

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]

from vshop.kit.kafka.record import MAX_RECORD_BYTES
from vshop.kit.settings import Settings

log = logging.getLogger(__name__)

# librdkafka waits 60 s for a response by default. A broker that disappears with its machine or network closes no connection, so a
# consumer that loses its broker twice would stay out of its group for good. Within seconds it finds the broker's new address.
_TIMEOUTS = {"socket.timeout.ms": "6000", "socket.connection.setup.timeout.ms": "5000"}
_ADDRESS = re.compile(r"(?:\w+://)?(\[[^\]]+\]|[^:\[\]]+)(?::(\d{1,5}))?")
"""A bootstrap server as librdkafka reads it: ``[PROTOCOL://]host[:port]``."""
_NO_ID = "AAAAAAAAAAAAAAAAAAAAAA"  # 16 zero bytes in base64
_STARTING_S = 10.0
"""A broker that starts may refuse to create topics for so long."""


class MetadataClient(Protocol):
    """A producer, a consumer or a Sender."""

    def list_topics(self, topic: str, timeout: float) -> Any:
        """Request a topic's metadata."""


def client_properties(settings: Settings) -> dict[str, str]:
    """Return the properties that all clients share; ``kafka_properties`` overrides them.

    https://github.com/confluentinc/librdkafka/blob/master/CONFIGURATION.md
    """
    pairs = (pair.partition("=") for pair in settings.kafka_properties.split(",") if pair.strip())
    return (
        {"bootstrap.servers": settings.kafka_bootstrap}
        | _TIMEOUTS
        | {name.strip(): unquote(value.strip()) for name, _, value in pairs}
    )


def broker_address(settings: Settings) -> dict[str, str | int]:
    """Return ``server.address`` and ``server.port`` of the first bootstrap server: attributes of spans."""
    first = client_properties(settings)["bootstrap.servers"].partition(",")[0].strip()
    found = _ADDRESS.fullmatch(first)
    return {"server.address": found[1].strip("[]"), "server.port": int(found[2] or 9092)} if found else {}


def ensure_topics(settings: Settings, stop: threading.Event) -> None:
    """Create missing topics. Retries until Kafka answers or ``stop`` is set."""
    admin = AdminClient({**client_properties(settings), "log_level": 0, "reconnect.backoff.max.ms": 500})
    began, logged = time.monotonic(), set[tuple[int, str]]()
    while not stop.is_set():
        try:
            _create(admin, settings)
        except KafkaException as error:
            # librdkafka's own codes are negative: no broker answers yet. A broker that starts refuses at first; a refusal that
            # lasts needs the operator's attention.
            refused = error.args[0].code() >= 0 and time.monotonic() - began >= _STARTING_S
            entry = (logging.WARNING if refused else logging.INFO, error.args[0].str())
            if entry not in logged:
                log.log(entry[0], "waiting for Kafka at %s: %s", settings.kafka_bootstrap, entry[1])
                logged.add(entry)
            stop.wait(0.2)
        else:
            return


def _create(admin: AdminClient, settings: Settings) -> None:
    # A dead letter is larger than its record, so its topic needs a higher limit.
    large = {"max.message.bytes": str(MAX_RECORD_BYTES)}
    topics = [
        NewTopic(settings.kafka_topic, settings.kafka_partitions, settings.kafka_replication),
        NewTopic(dead_letter_topic(settings), 1, settings.kafka_replication, config=large),
    ]
    for created in admin.create_topics(topics, request_timeout=5).values():
        try:
            created.result()
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise


def dead_letter_topic(settings: Settings) -> str:
    """Return the dead-letter topic's name."""
    return f"{settings.kafka_topic}.dlq"


def topic_id_reader(settings: Settings) -> Callable[[], str]:
    """Return a function that reads the id of the topic of new orders; a topic that is created again has another.

    It returns "" for a broker older than topic ids, and raises KafkaException if Kafka does not answer.
    """
    admin = AdminClient({**client_properties(settings), "log_level": 0})

    def read() -> str:
        described = admin.describe_topics(TopicCollection([settings.kafka_topic]), request_timeout=2)
        topic_id = str(described[settings.kafka_topic].result().topic_id)
        return "" if topic_id == _NO_ID else topic_id

    return read


def check_broker(client: MetadataClient, settings: Settings) -> str:
    """Request the topic's metadata. Raises KafkaException after 2 s, LookupError if the topic is missing."""
    found = client.list_topics(settings.kafka_topic, timeout=2)
    topic = found.topics[settings.kafka_topic]
    if topic.error is not None:
        raise LookupError(f"{settings.kafka_topic}: {topic.error.str()}")
    return f"{len(topic.partitions)} partitions of {settings.kafka_topic}"
