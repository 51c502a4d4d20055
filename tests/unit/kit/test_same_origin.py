import pytest
from flask import Flask

from vshop.kit.http import problems, same_origin


@pytest.fixture
def client():
    app = Flask("observatory")
    problems.install(app)
    same_origin.refuse_cross_origin(app, same_origin.host_names("shop.example, other.example"))
    app.delete("/data")(lambda: "deleted")
    return app.test_client()


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1:16686", "[::1]:16686", "localhost", "observatory:16686", "a.localhost"),
        *("host.docker.internal:16686", "gateway.docker.internal", "host.containers.internal"),
        *("observatory.virtual-shop.svc:16686", "observatory.virtual-shop.svc.cluster.local", "shop.example:443", "OTHER.example"),
    ],
)
def test_a_name_of_the_service_is_accepted(client, host):
    assert client.delete("/data", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("host", ["evil.example:16686", "docker.internal.evil.example", "127.0.0.1.evil.example"])
def test_another_name_is_refused_with_the_setting_that_allows_it(client, host):
    refused = client.delete("/data", headers={"Host": host})

    assert refused.status_code == 403
    assert refused.json["field"] == "Host"
    assert f"set SHOP_ALLOWED_HOSTS={host.partition(':')[0]} for this service" in refused.json["detail"]
