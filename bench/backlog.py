"""How many orders still wait on the topic, asked from Kafka alone: a look at the stock would be work for the shop, and traced."""

import time

from confluent_kafka import Consumer, TopicPartition

_LOOK_S = 0.1
_ANSWER_S = 10.0


class Backlog:
    """The orders that are on the topic and not committed by stock-updater."""

    def __init__(self, bootstrap: str, topic: str = "queuing.retail_site.new_orders", group: str = "stock-updater") -> None:
        """Connect; the group is never joined.

        Args:
            bootstrap: Kafka's address.
            topic: of new orders.
            group: stock-updater's.
        """
        self._observer = Consumer({"bootstrap.servers": bootstrap, "group.id": group, "enable.auto.commit": False, "log_level": 2})
        known = self._observer.list_topics(topic, timeout=_ANSWER_S).topics[topic].partitions
        self._partitions = [TopicPartition(topic, partition) for partition in known]

    def waiting(self) -> int:
        """Return how many orders are still to be handled."""
        waiting = 0
        for place in self._observer.committed(self._partitions, timeout=_ANSWER_S):
            low, high = self._observer.get_watermark_offsets(place, timeout=_ANSWER_S)
            waiting += high - max(place.offset, low)  # a negative offset says that nothing was committed yet
        return waiting

    def wait(self, timeout_s: float) -> None:
        """Wait until every order was handled.

        Raises:
            TimeoutError: some were not.
        """
        deadline = time.monotonic() + timeout_s
        while (waiting := self.waiting()) > 0:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{waiting} orders were not handled within {timeout_s:g} s")
            time.sleep(_LOOK_S)

    def close(self) -> None:
        """Hang up."""
        self._observer.close()
