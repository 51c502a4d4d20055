import pytest

from vshop.kit.telemetry import SHOP_SERVICES
from vshop.shop.addresses import Addresses
from vshop.shop.errors import ShopError
from vshop.shop.flush import Flusher

DONE = {"flushed": True, "requests": 0, "waiting": 0, "lost": 0}
HERE = Addresses(traces="http://127.0.0.1:16686", observatory="http://127.0.0.1:16686")


class Shop:
    def __init__(self, followers=(), **answers):
        self.followers = followers
        self.answers = answers
        self.asked = []

    def __call__(self, part, method, url, json=None):
        self.asked.append((part, method, url.rsplit("/", 1)[1], json))
        if part == "console":
            return {"followers": dict.fromkeys(self.followers, 1)}
        answer = self.answers.get(part.replace("-", "_"), DONE)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def flush(self, addresses=HERE, **options):
        wanted = {"parts": SHOP_SERVICES, "traces": None, "offsets": None, "within_s": 2.0} | options
        return Flusher(addresses, self).flush(**wanted)


def test_every_service_is_flushed():
    shop = Shop(followers=["orders/a", "stock-updater/b"])

    flush = shop.flush(offsets={3: 17}, traces=["ab"])

    assert (flush.complete, flush.reason) == (True, "")
    assert shop.asked[1:] == [
        ("orders", "POST", "flush", {"within": 2.0, "traces": ["ab"]}),
        ("auth-stub", "POST", "flush", {"within": 2.0, "traces": ["ab"]}),
        ("stock-updater", "POST", "flush", {"within": 2.0, "traces": ["ab"], "offsets": {"3": 17}}),
    ]


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        ({"orders": DONE | {"requests": 2}}, "orders after 2 s: requests in progress 2"),
        ({"stock_updater": DONE | {"waiting": 1}}, "stock-updater after 2 s: unprocessed records 1"),
        ({"auth_stub": DONE | {"lost": 4}}, "auth-stub after 2 s: spans or log records not acknowledged 4"),
    ],
)
def test_unfinished_work_is_the_reason_why_a_flush_is_not_complete(answers, reason):
    flush = Shop(**answers).flush()

    assert (flush.possible, flush.complete, flush.reason) == (True, False, reason)


def test_a_service_of_several_instances_cannot_be_flushed():
    flush = Shop(followers=["orders/a", "orders/b", "auth-stub/c"]).flush()

    assert not flush.possible
    assert flush.reason.startswith("orders runs as several instances")


@pytest.mark.parametrize(
    ("answer", "said"),
    [(ShopError("POST /flush answered 404", hop="orders", status=404), "answered 404"), ({"flushed": True}, "'requests'")],
)
def test_a_shop_that_knows_no_flush_is_no_error(answer, said):
    flush = Shop(orders=answer).flush()

    assert not flush.possible
    assert said in flush.reason


def test_what_a_real_jaeger_stores_is_not_flushed_with_the_services():
    shop = Shop()

    flush = shop.flush(Addresses(traces="http://127.0.0.1:16686", observatory="http://127.0.0.1:16687"))

    assert (flush.possible, "Jaeger" in flush.reason) == (False, True)
    assert len(shop.asked) == 1 + len(SHOP_SERVICES), "the services have exported all the same"
