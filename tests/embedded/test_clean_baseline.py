"""A shop without incidents exports no span with an error and no log record of severity WARN or above."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.waiting import wait_until
from vshop.fixture.process import ShopProcess, Wanted, open_shop
from vshop.shop.operations import reset

SERVICES = {"orders", "auth-stub", "stock-updater"}
OK, ERROR = 0, 2  # https://opentelemetry.io/docs/specs/otel/trace/api/#set-status
WARN = 13  # https://opentelemetry.io/docs/specs/otel/logs/data-model/#field-severitynumber


class Exported:
    def __init__(self, shop: ShopProcess, folder: Path) -> None:
        self.shop = shop
        self._folder = folder
        self._read: Counter[str] = Counter()

    def _new_items(self, signal: str, scopes: str, items: str) -> Iterator[tuple[str, dict[str, Any]]]:
        file = self._folder / f"{signal}.jsonl"
        lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
        unread, self._read[signal] = lines[self._read[signal] :], len(lines)
        for line in unread:
            for resource in next(iter(json.loads(line).values())):
                attributes = {one["key"]: one["value"] for one in resource["resource"]["attributes"]}
                for scope in resource[scopes]:
                    yield from ((attributes["service.name"]["stringValue"], item) for item in scope[items])

    def check_clean(self) -> tuple[Counter[int], Counter[str]]:
        wait_until(lambda: self.shop.client.flush().complete)  # a stopped instance stays on the board for a few seconds
        assert self.shop.client.flush_forwarding()
        spans = list(self._new_items("traces", "scopeSpans", "spans"))
        logs = list(self._new_items("logs", "scopeLogs", "logRecords"))
        failed = [(name, span["name"], span["status"]) for name, span in spans if span.get("status", {}).get("code", OK) == ERROR]
        alarming = [(name, one["severityText"], one["body"]) for name, one in logs if one["severityNumber"] >= WARN]
        assert failed + alarming == []
        return Counter(span.get("status", {}).get("code", OK) for _, span in spans), Counter(name for name, _ in logs)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exported]:
    folder = tmp_path_factory.mktemp("exported")
    with open_shop(Wanted(export_dir=str(folder)), tmp_path_factory.mktemp("home")) as shop:
        yield Exported(shop, folder)


def test_a_new_shop_is_clean(exported: Exported):
    """Health checks run before topics and table exist; only the first logs of each service are exported."""
    spans, logs = exported.check_clean()

    assert spans == {}
    assert logs.keys() == SERVICES


def test_an_order_is_clean(exported: Exported):
    placed = exported.shop.client.place_order()
    exported.shop.traces.wait_whole(placed.trace_id, placed.order_id)

    spans, _ = exported.check_clean()

    assert spans.keys() == {OK}


def test_a_reset_is_clean(exported: Exported):
    reset(exported.shop.client)

    spans, _ = exported.check_clean()
    assert spans[OK] > 0, "the spans of the reset itself"


@pytest.mark.parametrize(
    "part",
    [
        "stock-updater",
        "dynamodb",
        *(pytest.param(part, marks=pytest.mark.slow) for part in ("auth-stub", "orders", "kafka", "observatory")),
    ],
)
def test_the_restart_of_an_idle_part_is_clean(exported: Exported, part: str):
    before = exported.shop.client.item(1)
    assert exported.shop.shop is not None

    exported.shop.shop.restart(part)
    placed = exported.shop.client.place_order()
    exported.shop.traces.wait_whole(placed.trace_id, placed.order_id)

    exported.check_clean()
    assert exported.shop.client.item(1)["ordered"] == before["ordered"] + 1


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["none", "zero-code"])
def test_a_new_shop_is_clean_in_the_other_modes(mode: str, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory):
    with open_shop(Wanted(export_dir=str(tmp_path), telemetry=mode), tmp_path_factory.mktemp("home")) as shop:
        other = Exported(shop, tmp_path)
        at_start = other.check_clean()
        shop.client.place_order()
        reset(shop.client)
        spans, _ = other.check_clean()

    assert at_start == (Counter(), Counter()) or mode != "none"
    assert (spans[OK] > 0) == (mode != "none")
