"""How long a switch takes, until every service concerned has taken it over; and how long all incidents take to verify."""

import json
import os
import subprocess
import sys
import time

import msgspec

from bench.shopper import quantile
from vshop.client import ShopClient

_INCIDENT = "auth-token-expired"


class Switching(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """``PUT /chaos/<id>`` and ``DELETE``, from asking to the answer, which comes when it is acknowledged."""

    times: int
    p50_ms: float
    most_ms: float


class Verification(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """``vshop verify`` of the whole catalogue, one after the other."""

    incidents: int
    verified: int
    seconds: float


def switching(client: ShopClient, times: int) -> Switching:
    """Switch on and off again and again.

    Args:
        client: of the shop.
        times: how often each.
    """
    seconds = []
    for _ in range(times):
        for turn in (client.switch_on, client.switch_off):
            began = time.perf_counter()
            turn(_INCIDENT)
            seconds.append(time.perf_counter() - began)
    return Switching(times=2 * times, p50_ms=1000 * quantile(seconds, 0.5), most_ms=1000 * max(seconds))


def verification(home: str, incidents: list[str], timeout_s: float) -> Verification:
    """Verify incidents as a user does.

    Args:
        home: of the shop.
        incidents: which; all when empty.
        timeout_s: how long it may take.
    """
    command = [sys.executable, "-m", "vshop.cli", "verify", "--json", *incidents]
    began = time.perf_counter()
    ran = subprocess.run(command, env=os.environ | {"VSHOP_HOME": home}, capture_output=True, timeout=timeout_s, check=False)
    seconds = time.perf_counter() - began
    verdicts = json.loads(ran.stdout)
    return Verification(incidents=len(verdicts), verified=sum(one["verified"] for one in verdicts), seconds=seconds)
