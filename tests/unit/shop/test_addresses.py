import pytest

from vshop.fixture import Wanted, open_shop
from vshop.runtime.model import probes
from vshop.runtime.model.errors import NotRunningError
from vshop.shop.addresses import Addresses, with_observatory


@pytest.mark.parametrize(("beside_jaeger", "port"), [(True, 16687), (False, 16686)])
def test_the_observatory_is_found_beside_a_jaeger_or_in_its_place(monkeypatch, beside_jaeger, port):
    monkeypatch.setattr(probes, "probe_urls", lambda urls: {name: {"reached": beside_jaeger} for name in urls})

    assert with_observatory(Addresses()).observatory == f"http://127.0.0.1:{port}"


def test_a_wrong_address_fails_when_the_shop_is_opened():
    nothing = tuple(f"{name}=http://127.0.0.1:9" for name in Addresses.__struct_fields__)

    with pytest.raises(NotRunningError, match=r"Cannot attach.*orders at http://127.0.0.1:9"), open_shop(Wanted(urls=nothing)):
        pass
