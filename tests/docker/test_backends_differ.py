import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from confluent_kafka import Consumer, KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, NewTopic

from vshop.runtime.local.shop import Shop
from vshop.runtime.model.options import Options

PAGE = (Path(__file__).parents[2] / "docs/backends.md").read_text(encoding="utf-8")
TABLE = "item-stock"

Case = Callable[[Any], Any]


def put(**options: Any) -> Case:
    return lambda db: db.put_item(**({"TableName": TABLE} | options))


def get(**key: Any) -> Case:
    return lambda db: db.get_item(TableName=TABLE, Key=key)


def update(expression: str, **values: Any) -> Case:
    named = {f":{name}": value for name, value in values.items()}
    return lambda db: db.update_item(
        TableName=TABLE, Key={"id": {"S": "1"}}, UpdateExpression=expression, ExpressionAttributeValues=named
    )


def create(db: Any, name: str = TABLE) -> Any:
    return db.create_table(
        TableName=name,
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )


ONE = {"N": "1"}
CASES: dict[str, Case] = {
    "PutItem without its key": put(Item={"stock": ONE}),
    "PutItem, key an empty text": put(Item={"id": {"S": ""}}),
    "PutItem, key a number": put(Item={"id": ONE}),
    "PutItem, a number that is none": put(Item={"id": {"S": "2"}, "stock": {"N": "abc"}}),
    "PutItem, two types in one value": put(Item={"id": {"S": "2"}, "stock": {"N": "1", "S": "1"}}),
    "PutItem, item too large": put(Item={"id": {"S": "2"}, "note": {"S": "x" * 410_000}}),
    "PutItem, condition fails": put(Item={"id": {"S": "1"}}, ConditionExpression="attribute_not_exists(id)"),
    "PutItem, table missing": put(TableName="nowhere", Item={"id": {"S": "1"}}),
    "DescribeTable, table missing": lambda db: db.describe_table(TableName="nowhere"),
    "GetItem, wrong key name": get(name={"S": "1"}),
    "GetItem, key a number": get(id=ONE),
    "UpdateItem of the key": update("SET id = :a", a={"S": "2"}),
    "UpdateItem, syntax error": update("SETT stock = :a", a=ONE),
    "UpdateItem, reserved word": update("SET count = :a", a=ONE),
    "UpdateItem, value not used": update("SET stock = :a", a=ONE, b=ONE),
    "CreateTable, table exists": create,
    "CreateTable, name with a blank": lambda db: create(db, "a b c"),
}


def connected(url: str) -> Any:
    db = boto3.client(
        "dynamodb",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="differ",
        aws_secret_access_key="differ",
        config=Config(retries={"total_max_attempts": 1}),
    )
    if TABLE in db.list_tables()["TableNames"]:
        db.delete_table(TableName=TABLE)
    create(db)
    db.put_item(TableName=TABLE, Item={"id": {"S": "1"}})
    return db


def answer(case: Case, db: Any) -> str:
    try:
        case(db)
    except ClientError as error:
        said = error.response["Error"]
        return f"{said['Code']}: {said['Message']}"
    return "accepted"


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    home = str(tmp_path_factory.mktemp("moto"))
    with Shop.start(Options(home=home, free_ports=True, parts=("kafka", "dynamodb"), aot=False, timeout_s=100)) as shop:
        yield shop


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    home = str(tmp_path_factory.mktemp("local"))
    with Shop.start(Options(home=home, free_ports=True, parts=("dynamodb",), dynamodb="local", aot=False, timeout_s=100)) as shop:
        yield shop


@pytest.fixture(scope="module")
def servers(embedded: Shop, local: Shop, dynamodb) -> dict[str, Any]:
    urls = {"moto": embedded.addresses["dynamodb"], "process": local.addresses["dynamodb"]}
    return {name: connected(url) for name, url in (urls | {"container": f"http://127.0.0.1:{dynamodb.ports[0]}"}).items()}


def row(case: str) -> tuple[str, str]:
    found = re.search(rf"^\| {re.escape(case)} \| (.*?) \| (.*?) \|", PAGE, re.MULTILINE)
    assert found, f"docs/backends.md has no row {case!r}"
    moto, local = (cell.replace("`", "") for cell in found.groups())
    return moto, moto if local == "the same" else local


@pytest.mark.parametrize("case", CASES)
def test_both_answer_as_the_page_says(case: str, servers: dict[str, Any]):
    said = {name: answer(CASES[case], db) for name, db in servers.items()}
    moto, local = row(case)
    assert said == {"moto": moto, "process": local, "container": local}


def test_the_page_has_no_case_that_is_not_tested():
    table = PAGE.partition("| case | moto | DynamoDB Local |")[2].partition("\n\n")[0]
    assert re.findall(r"^\| ([^|-][^|]*?) \|", table, re.MULTILINE) == list(CASES)


def joins(bootstrap: str, protocol: str) -> bool:
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": protocol, "group.protocol": protocol, "log_level": 0})
    assigned: list[Any] = []
    consumer.subscribe(["joined"], on_assign=lambda _, partitions: assigned.extend(partitions))
    try:
        for _ in range(100):
            message = consumer.poll(0.2)
            if assigned:
                return True
            if message is not None and message.error() and message.error().code() == KafkaError._FATAL:
                return False
    except KafkaException:
        return False
    finally:
        consumer.close()
    return False


def test_only_the_containers_kafka_knows_the_new_group_protocol(embedded: Shop, kafka):
    """Embedded storage is formatted by hand, without KIP-848. The shop uses the classic protocol."""
    found = {}
    for name, bootstrap in {"embedded": embedded.addresses["kafka"], "container": f"127.0.0.1:{kafka.ports[0]}"}.items():
        admin = AdminClient({"bootstrap.servers": bootstrap})
        admin.create_topics([NewTopic("joined", 1, 1)])["joined"].result(20)
        found[name] = {protocol: joins(bootstrap, protocol) for protocol in ("classic", "consumer")}
    assert found == {"embedded": {"classic": True, "consumer": False}, "container": {"classic": True, "consumer": True}}
