"""The topics: creating them, and asking the broker for them as a readiness check."""

import logging
import threading
from typing import Any, Protocol

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]

from vshop.kit.kafka_connection import connection
from vshop.kit.kafka_record import MAX_RECORD_BYTES
from vshop.kit.settings import Settings

log = logging.getLogger(__name__)


class KafkaClient(Protocol):
    """Whatever can ask a broker for its metadata: a producer, a consumer, a Sender."""

    def list_topics(self, topic: str, timeout: float) -> Any:
        """Ask for one topic."""


def ensure_topics(settings: Settings, stop: threading.Event) -> None:
    """Create the topic of new orders and its dead-letter topic unless they are there; tries until Kafka answers or ``stop``."""
    admin = AdminClient({**connection(settings), "log_level": 0, "reconnect.backoff.max.ms": 500})
    told = ""
    while not stop.is_set():
        try:
            _create(admin, settings)
        except KafkaException as error:
            said = error.args[0].str()
            if said != told:
                # librdkafka's own errors are below 0: no broker is reached yet. What a broker refuses, somebody has to mend.
                level = logging.INFO if error.args[0].code() < 0 else logging.WARNING
                log.log(level, "waiting for Kafka at %s: %s", settings.kafka_bootstrap, said)
                told = said
            stop.wait(0.2)
        else:
            return


def _create(admin: AdminClient, settings: Settings) -> None:
    # A dead letter is its record and more: one that the first topic just took must never be too large for the second.
    roomy = {"max.message.bytes": str(MAX_RECORD_BYTES)}
    topics = [
        NewTopic(name, num_partitions=partitions, replication_factor=settings.kafka_replication, config=config)
        for name, partitions, config in (
            (settings.kafka_topic, settings.kafka_partitions, {}),
            (dead_letter_topic(settings), 1, roomy),
        )
    ]
    for created in admin.create_topics(topics, request_timeout=5).values():
        try:
            created.result()
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise


def dead_letter_topic(settings: Settings) -> str:
    """Return the name of the topic for records that cannot be handled."""
    return f"{settings.kafka_topic}.dlq"


def check_broker(client: KafkaClient, settings: Settings) -> str:
    """Ask the broker for the topic: a readiness check.

    Returns:
        What was seen.

    Raises:
        KafkaException: no broker answered within 2 s.
        LookupError: the topic is not there.
    """
    found = client.list_topics(settings.kafka_topic, timeout=2)
    topic = found.topics[settings.kafka_topic]
    if topic.error is not None:
        raise LookupError(f"{settings.kafka_topic}: {topic.error.str()}")
    return f"{len(topic.partitions)} partitions of {settings.kafka_topic}"
