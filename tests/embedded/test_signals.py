import time

TOPIC = "queuing.retail_site.new_orders"
USER = "auth0|5ba1a9227dc7232e1aec4fd0"


def test_an_order_moves_pieces_from_stock_to_ordered(client, ordered):
    before = client.item(4)
    ordered(4, 7)
    ordered(4, 5)
    after = client.item(4)
    assert before["stock"] - after["stock"] == 12
    assert after["ordered"] - before["ordered"] == 12
    assert after["version"] - before["version"] == 2


def test_what_is_sold_out_is_refused_as_designed(client, ordered):
    left = client.item(9)["stock"]
    placed, trace = ordered(9, left + 1)
    (taken,) = trace.find(kind="CONSUMER")
    assert (placed.status, taken.attributes["shop.order.outcome"], taken.status) == (202, "sold_out", "UNSET")
    assert client.item(9)["stock"] == left


def test_the_business_metrics_count_orders(client, observatory, eventually, ordered):
    def counts() -> tuple[float, ...]:
        return (
            observatory.total("shop.orders.placed", shop__item__id=3),
            observatory.total("shop.items.ordered", shop__item__id=3),
            observatory.total("shop.orders.handled", shop__order__outcome="applied"),
            observatory.total("shop.orders.rejected", http__response__status_code=400),
            observatory.total("shop.orders.rejected", http__response__status_code=401),
        )

    now_us = time.time() * 1e6
    eventually(lambda: has_told(observatory, now_us))
    before = counts()
    for quantity in (1, 2, 3):
        ordered(3, quantity)
    assert client.place_order(3, 0).status == 400
    assert client.place_order(3, token=None).status == 401
    expected = tuple(seen + more for seen, more in zip(before, (3, 6, 3, 1, 1), strict=True))
    eventually(lambda: counts() == expected)


def has_told(observatory, since_us: float) -> bool:
    """An instance that has sent nothing for ten seconds was stopped by an earlier test."""
    stopped_us = time.time() * 1e6 - 10e6
    for service in ("orders", "stock-updater"):
        latest = [one["points"][-1]["time"] for one in observatory.json("/api/metrics", service=service)["series"]]
        running = [time_us for time_us in latest if time_us > stopped_us]
        if not running or min(running) <= since_us:
            return False
    return True


def test_the_conventions_metrics_are_there(observatory, ordered, eventually):
    ordered(1)
    wanted = {
        ("orders", "http.server.request.duration"),
        ("orders", "http.client.request.duration"),
        ("orders", "messaging.client.operation.duration"),
        ("auth-stub", "http.server.request.duration"),
        ("stock-updater", "messaging.process.duration"),
    }

    def histograms() -> dict[tuple[str, str], dict]:
        series = observatory.json("/api/metrics")["series"]
        return {(one["service"], one["name"]): one for one in series if one["type"] == "histogram"}

    found = eventually(lambda: wanted <= histograms().keys() and histograms())
    for key in wanted:
        point = found[key]["points"][-1]
        assert found[key]["unit"] == "s", key
        assert 0 < point["sum"] / point["count"] < 10, key
        assert min(point["buckets"]["bounds"]) <= 0.01, key


def test_an_exemplar_leads_from_the_histogram_to_the_trace(observatory, ordered, eventually):
    placed, trace = ordered(1)

    def exemplars() -> dict[str, str]:
        series = observatory.json("/api/metrics", name="http.server.request.duration", service="orders")["series"]
        return {item["traceId"]: item["spanId"] for one in series for point in one["points"] for item in point["exemplars"]}

    found = eventually(lambda: placed.trace_id in exemplars() and exemplars())
    assert found[placed.trace_id] == trace.roots[0].span_id


def test_each_service_counts_what_it_exports_and_loses_and_nothing_per_span(observatory, ordered, eventually):
    ordered(1)
    counted = {f"otel.sdk.{where}" for where in ("processor.span.processed", "processor.log.processed", "exporter.span.exported")}

    def own(service: str) -> set[str]:
        series = observatory.json("/api/metrics", service=service)["series"]
        return {one["name"] for one in series if one["name"].startswith("otel.sdk.")}

    for service in ("orders", "auth-stub", "stock-updater"):
        names = eventually(lambda service=service: counted <= own(service) and own(service))
        assert not names & {"otel.sdk.span.live", "otel.sdk.span.started"}


def test_a_consumer_that_keeps_up_has_no_lag(observatory, ordered, eventually):
    ordered(1)

    def lags() -> dict[str, float]:
        series = observatory.json("/api/metrics", name="shop.consumer.lag", service="stock-updater")["series"]
        named = [one for one in series if one["attributes"]["messaging.destination.name"] == TOPIC]
        return {one["attributes"]["messaging.destination.partition.id"]: one["points"][-1]["value"] for one in named}

    eventually(lambda: lags() == dict.fromkeys("0123", 0))


def test_logs_by_trace_id_tell_the_orders_story(client, eventually, ordered):
    placed, trace = ordered(8, 3)
    records = eventually(lambda: len(found := client.logs(traceId=placed.trace_id)) >= 3 and found)
    spans = {span.span_id: span for span in trace.spans}
    story = [(record["service"], record["severity"], spans[record["spanId"]].name, record["body"]) for record in records]
    assert [line[:3] for line in story] == [
        ("orders", "INFO", "POST /orders"),
        ("orders", "INFO", "POST /orders"),
        ("stock-updater", "INFO", f"process {TOPIC}"),
    ]
    assert story[0][3].startswith("placing new order ")
    assert USER in story[0][3]
    assert story[1][3].startswith(f'sending new order={{"schemaVersion":1,"orderId":"{placed.order_id}"')
    assert story[1][3].endswith(f" to topic={TOPIC}")
    assert story[2][3] == f"order {placed.order_id} for item 8: applied"
    assert [record["timestamp"] for record in records] == sorted(record["timestamp"] for record in records)


def test_a_log_file_holds_the_same_lines(shop, client, eventually, ordered):
    placed, _ = ordered(8)
    records = eventually(lambda: len(found := client.logs(traceId=placed.trace_id, service="orders")) == 2 and found)
    with open(shop.status()["parts"]["orders"]["log"], encoding="utf-8") as file:  # noqa: PTH123 - as a person would
        lines = [line for line in file if placed.trace_id in line]
    for record, line in zip(records, lines, strict=True):
        assert record["body"] in line.replace('\\"', '"')
        assert f'"span_id": "{record["spanId"]}"' in line
