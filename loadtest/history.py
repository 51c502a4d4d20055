"""Judges a run by Kafka's records, the raw table and the shoppers' log, without code of the services or the client.

Each order on the topic that is no dead letter must be in the stock exactly once, and each accepted order on the topic.
"""

import contextlib
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import requests
from confluent_kafka import Consumer, Message, TopicPartition

TOPIC, GROUP, TABLE = "queuing.retail_site.new_orders", "stock-updater", "item-stock"
_TIMEOUT_S = 30.0
_HEADERS = {
    "Content-Type": "application/x-amz-json-1.0",
    "X-Amz-Target": "DynamoDB_20120810.Scan",
    "Authorization": "AWS4-HMAC-SHA256 Credential=embedded/20260101/us-east-1/dynamodb/aws4_request, "
    "SignedHeaders=host, Signature=none",
}


class History:
    def __init__(self, kafka: str, dynamodb: str) -> None:
        self._kafka, self._dynamodb = kafka, dynamodb
        self._orders: dict[str, tuple[int, int]] = {}  # item and quantity by order id, of all topics that were read
        self._initial = self._stock()

    def read_topic(self) -> Message | None:
        """Remember the orders on a topic that will be removed, and return its last record."""
        last = None
        for last in self._read(TOPIC):
            with contextlib.suppress(ValueError, KeyError, TypeError):
                order = json.loads(last.value() or b"")
                self._orders[order["orderId"]] = (order["itemId"], order["quantity"])
        return last

    def judge(self, ledger: Path) -> list[str]:
        """Return the contradictions between the shoppers' log (JSON lines), the topics and the table."""
        self.read_topic()
        dead = {json.loads(record.value() or b"{}").get("orderId") for record in self._read(f"{TOPIC}.dlq")}
        lines = [json.loads(line) for line in ledger.read_text().splitlines()]
        accepted = {line["orderId"]: (line["itemId"], line["quantity"]) for line in lines if line["event"] == "accepted"}
        problems = [f"order {one} was accepted, but is on no topic" for one in accepted.keys() - self._orders.keys()]
        changed = [one for one, order in accepted.items() if self._orders.get(one, order) != order]
        problems += [f"order {one} differs from its record" for one in changed]
        taken = Counter[int]()
        for order_id, (item, quantity) in self._orders.items():
            taken[item] += 0 if order_id in dead else quantity
        for item, stock in self._stock().items():
            due = self._initial[item] - taken[item]
            if stock != due and due >= 0:
                problems.append(f"item {item} has {stock} pieces; {due} after the {len(self._orders)} orders on the topics")
        return problems

    def _read(self, topic: str) -> Iterator[Message]:
        settings = {"bootstrap.servers": self._kafka, "group.id": "history", "enable.auto.commit": False}
        consumer = Consumer({**settings, "enable.partition.eof": True, "auto.offset.reset": "earliest", "log_level": 0})
        try:
            partitions = consumer.list_topics(topic, _TIMEOUT_S).topics[topic].partitions
            consumer.assign([TopicPartition(topic, number, 0) for number in partitions])
            left = set(partitions)
            while left:
                message = consumer.poll(_TIMEOUT_S)
                if message is None:
                    raise TimeoutError(f"{topic} cannot be read within {_TIMEOUT_S:g} s")
                error = message.error()
                if error is None:
                    yield message
                elif error.name() == "_PARTITION_EOF":
                    left.discard(message.partition())
        finally:
            consumer.close()

    def _stock(self) -> dict[int, int]:
        request: dict[str, Any] = {"TableName": TABLE, "ConsistentRead": True}
        answer = requests.post(self._dynamodb, json=request, headers=_HEADERS, timeout=_TIMEOUT_S)
        answer.raise_for_status()
        items = json.loads(answer.content)["Items"]
        return {int(item["id"]["S"]): int(item["stock"]["N"]) for item in items if item["id"]["S"].isdigit()}
