import http.client
import socket

import pytest

ORDER = b'{"itemId": 1, "username": "auth0|5ba1a9227dc7232e1aec4fd0", "quantity": 2}'


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
def test_only_post_is_allowed(shop, refused, method):
    response = shop.client.open("/orders", method=method)

    refused(response, 405)
    assert "POST" in response.headers["Allow"]


@pytest.mark.parametrize(
    "media_type",
    [None, "", "text/plain", "application/x-www-form-urlencoded", "application/jsonp", "text/json", "multipart/form-data"],
)
def test_another_media_type_is_refused(shop, refused, media_type):
    response = shop.post(ORDER, content_type=media_type)

    refused(response, 415)
    assert response.headers["Accept-Post"] == "application/json"


@pytest.mark.parametrize("media_type", ["application/json", "Application/JSON; charset=utf-8"])
def test_the_media_type_may_have_parameters_and_capitals(shop, media_type):
    assert shop.post(ORDER, content_type=media_type).status_code == 202


def test_an_unknown_path_is_a_problem_too(shop):
    response = shop.client.get("/order")

    assert (response.status_code, response.mimetype) == (404, "application/problem+json")
    assert shop.metrics.counted == []


def test_a_body_over_the_limit_is_refused(shop, refused):
    refused(shop.post(ORDER + b" " * 64 * 1024), 413)


def test_a_body_at_the_limit_is_read(shop):
    assert shop.post(ORDER.ljust(64 * 1024)).status_code == 202


@pytest.fixture
def port(shop, stage):
    stage.app = shop.client.application
    return stage.port


def _chunked(port, body, token):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
    connection.request("POST", "/orders", iter([body[:20], body[20:]]), headers, encode_chunked=True)
    response = connection.getresponse()
    answer = response.status, response.getheader("Content-Type"), response.read()
    connection.close()
    return answer


def test_a_chunked_order_is_taken(shop, port):
    status, _, body = _chunked(port, ORDER, shop.token("auth0|5ba1a9227dc7232e1aec4fd0"))

    assert status == 202, body
    assert [order.quantity for order in shop.sender.orders] == [2]


def test_a_chunked_body_over_the_limit_is_refused_not_cut(shop, port):
    """Cut at the limit this one would be a good order."""
    status, media_type, _ = _chunked(port, ORDER.ljust(64 * 1024 + 1), shop.token("auth0|5ba1a9227dc7232e1aec4fd0"))

    assert (status, media_type) == (413, "application/problem+json")
    assert shop.sender.records == []


def test_a_body_nobody_read_is_not_the_next_request(shop, port):
    """Otherwise a body could hold a request that the shopper never sent."""
    smuggled = b"POST /orders HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"
    head = b"POST /orders HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\n"
    chunk = b"%x\r\n%s\r\n0\r\n\r\n" % (len(smuggled), smuggled)
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(head + b"Transfer-Encoding: chunked\r\n\r\n" + chunk)
        connection.shutdown(socket.SHUT_WR)
        answer = b"".join(iter(lambda: connection.recv(65536), b""))

    assert answer.startswith(b"HTTP/1.1 415 ")
    assert answer.count(b"HTTP/1.1") == 1


@pytest.mark.parametrize("chunk", [b"zz\r\nhello\r\n0\r\n\r\n", b"5\r\nhelloX\r\n0\r\n\r\n"], ids=["size", "end"])
def test_a_malformed_chunk_is_refused(shop, port, chunk):
    head = b"POST /orders HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(head + chunk)
        connection.shutdown(socket.SHUT_WR)
        answer = b"".join(iter(lambda: connection.recv(65536), b""))

    assert answer.startswith(b"HTTP/1.1 400 ")
    assert shop.sender.records == []


def test_a_cut_off_request_is_no_order(shop, port):
    head = b"POST /orders HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(head + b"5\r\nhel")
        connection.shutdown(socket.SHUT_WR)

        assert connection.recv(65536) == b""
    assert shop.sender.records == []
