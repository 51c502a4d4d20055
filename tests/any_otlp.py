import random

from observatory.store.otlp import SIGNALS
from vshop.kit.telemetry import SHOP_SERVICES

NAMES = [
    "",
    "service.name",
    "exception.type",
    "shop.order.id",
    "ip",
    "é",
    "event",
    "exception",
    "POST /orders",
    *sorted(SHOP_SERVICES),
]
NUMBERS = [0.0, -1.5, 1e308, float("nan"), float("inf"), float("-inf")]


def scalars(rng):
    def unsigned(bits):
        return lambda: rng.choice([0, 1, 2, 2**bits - 1, rng.getrandbits(bits)])

    def signed(bits):
        return lambda: rng.getrandbits(bits) - 2 ** (bits - 1)

    makers = {1: lambda: rng.choice(NUMBERS), 2: lambda: rng.choice([0.0, -1.5, 2.0**-149, float("nan")])}
    makers |= {8: lambda: rng.random() < 0.5, 9: lambda: rng.choice(NAMES), 12: lambda: rng.randbytes(rng.randrange(18))}
    makers |= {14: lambda: rng.randrange(8), **dict.fromkeys((4, 6), unsigned(64)), **dict.fromkeys((7, 13), unsigned(32))}
    return makers | dict.fromkeys((3, 16, 18), signed(64)) | dict.fromkeys((5, 15, 17), signed(32))


IDS = {"trace_id": 16, "span_id": 8, "parent_span_id": 8}


def fill(message, rng, depth=0):
    make = scalars(rng)
    for field in message.DESCRIPTOR.fields:
        if depth and rng.random() < 0.5:
            continue
        for _ in range(rng.randrange(1 if depth < 4 else 0, 3) if field.is_repeated else 1):
            if field.type == field.TYPE_MESSAGE:
                part = getattr(message, field.name)
                part = part.add() if field.is_repeated else part
                if depth < 8:
                    fill(part, rng, depth + 1)
                continue
            # Few ids, so that spans meet in one trace.
            size = IDS.get(field.name) if rng.random() < 0.8 else None
            value = rng.choice([b"\0", b"\1", b"\2"]) * size if size else make[field.type]()
            if field.is_repeated:
                getattr(message, field.name).append(value)
            else:
                setattr(message, field.name, value)


def any_request(signal, seed):
    request = SIGNALS[signal].request()
    fill(request, random.Random(seed))  # noqa: S311 - tests
    return request
