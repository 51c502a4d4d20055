import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import boto3
import msgspec
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient, NewTopic

from vshop.runtime.local import aot
from vshop.runtime.local.shop import Shop
from vshop.runtime.model import processes
from vshop.runtime.model.errors import PartDiedError
from vshop.runtime.model.options import Options
from vshop.runtime.model.progress import Event

TOPIC = "orders"
TABLE = {
    "TableName": "item-stock",
    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    "BillingMode": "PAY_PER_REQUEST",
}


@pytest.fixture
def options(tmp_path: Path) -> Options:
    return Options(home=str(tmp_path), free_ports=True, parts=("kafka", "dynamodb"), aot=False)


@pytest.fixture
def shop(options: Options) -> Iterator[Shop]:
    with Shop.start(options) as running:
        yield running


def client(shop: Shop):
    return boto3.client(
        "dynamodb",
        endpoint_url=shop.addresses["dynamodb"],
        region_name="us-east-1",
        aws_access_key_id="x",
        aws_secret_access_key="x",
        config=Config(retries={"total_max_attempts": 1}),
    )


def produce(shop: Shop, count: int) -> None:
    admin = AdminClient({"bootstrap.servers": shop.addresses["kafka"]})
    if TOPIC not in admin.list_topics(timeout=10).topics:
        admin.create_topics([NewTopic(TOPIC, 4, 1)])[TOPIC].result(10)
    failures: list[object] = []
    producer = Producer({"bootstrap.servers": shop.addresses["kafka"], "enable.idempotence": True})
    for number in range(count):
        producer.produce(TOPIC, str(number), on_delivery=lambda error, _: failures.append(error) if error else None)
    assert producer.flush(20) == 0
    assert failures == []


def consume(shop: Shop, count: int) -> set[bytes]:
    consumer = Consumer({"bootstrap.servers": shop.addresses["kafka"], "group.id": "g", "auto.offset.reset": "earliest"})
    consumer.subscribe([TOPIC])
    values: set[bytes] = set()
    deadline = time.monotonic() + 30
    while len(values) < count and time.monotonic() < deadline:
        message = consumer.poll(0.2)
        if message is not None and not message.error():
            values.add(message.value())
    consumer.close()
    return values


def in_parallel(work: Callable[[int], None], count: int) -> None:
    threads = [threading.Thread(target=work, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_kafka_and_dynamodb(shop: Shop):
    produce(shop, 20)
    assert len(consume(shop, 20)) == 20
    db = client(shop)
    db.create_table(**TABLE)
    with pytest.raises(ClientError, match="Missing the key id in the item") as caught:
        db.put_item(TableName="item-stock", Item={"stock": {"N": "1"}})
    assert caught.value.response["Error"]["Code"] == "ValidationException"


def test_one_conditional_write_wins(shop: Shop):
    db = client(shop)
    db.create_table(**TABLE)
    wins: list[int] = []

    def write(_writer: int) -> None:
        for number in range(20):
            try:
                db.put_item(TableName="item-stock", Item={"id": {"S": str(number)}}, ConditionExpression="attribute_not_exists(id)")
            except ClientError as error:
                assert error.response["Error"]["Code"] == "ConditionalCheckFailedException"  # noqa: PT017 - the others are counted
            else:
                wins.append(number)

    in_parallel(write, 8)
    assert sorted(wins) == list(range(20))


@pytest.mark.slow
def test_keep(options: Options):
    with Shop.start(options) as shop:
        produce(shop, 5)
        db = client(shop)
        db.create_table(**TABLE)
        for number in range(60):
            item = {"id": {"S": str(number)}, "stock": {"N": "7"}, "applied": {"M": {"0": {"N": "3"}}}}
            db.put_item(TableName="item-stock", Item=item)
    kept = Options(home=options.home, free_ports=True, parts=options.parts, aot=False, keep=True)
    with Shop.start(kept) as shop:
        item = client(shop).get_item(TableName="item-stock", Key={"id": {"S": "59"}})["Item"]
        assert item == {"id": {"S": "59"}, "stock": {"N": "7"}, "applied": {"M": {"0": {"N": "3"}}}}
        assert client(shop).scan(TableName="item-stock")["Count"] == 60
        assert len(consume(shop, 5)) == 5
    with Shop.start(options) as shop:
        assert client(shop).list_tables()["TableNames"] == []
        assert TOPIC not in AdminClient({"bootstrap.servers": shop.addresses["kafka"]}).list_topics(timeout=10).topics


@pytest.mark.slow
def test_keep_after_a_crash(options: Options):
    crashed = Shop.start(options)
    produce(crashed, 5)
    client(crashed).create_table(**TABLE)
    client(crashed).put_item(TableName="item-stock", Item={"id": {"S": "1"}})
    processes.kill_run(crashed.state.run)
    events: list[Event] = []
    kept = Options(home=options.home, free_ports=True, parts=options.parts, aot=False, keep=True)
    with Shop.start(kept, events.append) as shop:
        assert len(consume(shop, 5)) == 5
        assert client(shop).scan(TableName="item-stock")["Items"] == [{"id": {"S": "1"}}]
    assert not [event for event in events if "missing" in event.detail]
    crashed.stop()

    Path(crashed.state.home, "dynamodb.json").unlink()
    with Shop.start(kept, events.append) as shop:
        assert client(shop).list_tables()["TableNames"] == []
    assert [event.part for event in events if "stock of the last run is missing" in event.detail] == ["dynamodb"]


def test_a_saved_stock_that_cannot_be_read(options: Options):
    saved = Path(options.home) / "dynamodb.json"
    saved.write_text('[{"definition"')
    kept = Options(home=options.home, free_ports=True, parts=("dynamodb",), aot=False, keep=True)
    with pytest.raises(PartDiedError, match=r"the saved stock in .*dynamodb\.json .* Remove the files, or start without --keep"):
        Shop.start(kept)
    assert saved.read_text() == '[{"definition"'


def test_restart_of_dynamodb(shop: Shop):
    client(shop).create_table(**TABLE)
    client(shop).put_item(TableName="item-stock", Item={"id": {"S": "1"}})
    shop.restart("dynamodb")
    assert client(shop).scan(TableName="item-stock")["Items"] == [{"id": {"S": "1"}}]


def test_restart_of_dynamodb_keeps_every_write_it_acknowledged(shop: Shop, eventually):
    client(shop).create_table(**TABLE)
    written: list[str] = []
    refusals: list[ClientError] = []
    done = threading.Event()

    def write(writer: int) -> None:
        db, number = client(shop), 0
        while not done.is_set():
            number += 1
            try:
                db.put_item(TableName="item-stock", Item={"id": {"S": f"{writer}-{number}"}})
            except BotoCoreError:
                done.wait(0.01)  # it is away; whether it took this one is not known
            except ClientError as refusal:
                refusals.append(refusal)
            else:
                written.append(f"{writer}-{number}")

    writers = [threading.Thread(target=write, args=(writer,)) for writer in range(4)]
    for thread in writers:
        thread.start()
    try:
        for _ in range(3):
            before = len(written)
            shop.restart("dynamodb")
            eventually(lambda seen=before: len(written) > seen + 20)
    finally:
        done.set()
        for thread in writers:
            thread.join()
    pages = client(shop).get_paginator("scan").paginate(TableName="item-stock")
    assert refusals == []
    assert set(written) - {item["id"]["S"] for page in pages for item in page["Items"]} == set()


def test_restart_of_kafka(shop: Shop):
    produce(shop, 50)
    shop._children["kafka"].process.kill()
    shop.restart("kafka")
    assert len(consume(shop, 50)) == 50


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_start_cache(options: Options):
    assert aot.make() == aot.cache_file()
    assert aot.make_in_background({}) is False
    with Shop.start(options) as shop:
        log = Path(shop.status()["parts"]["kafka"]["log"]).read_text()
    assert aot.flags()[0] == f"-XX:AOTCache={aot.cache_file()}"
    assert "[warning]" not in log
    assert "[error]" not in log


def test_kafka_starts_in_a_home_folder_with_any_name(tmp_path: Path, options: Options, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "C")
    home = tmp_path / "a, b" / "back\\slash ü"

    with Shop.start(msgspec.structs.replace(options, home=str(home), parts=("kafka",))) as running:
        assert running.status()["ready"]

    assert (home / "kafka" / "data" / "meta.properties").exists()
