"""Shoppers are defined in vshop.kit.demo_data, discount codes in orders.pricing; programs that cannot import them repeat them."""

import ast
import re

import yaml

from orders.pricing import DISCOUNTS
from vshop.incidents import load_catalogue
from vshop.kit.demo_data import PASSWORD, SHOPPERS


def literal(text, name):
    return ast.literal_eval(re.search(rf"^{name} = (.+)$", text, re.MULTILINE)[1])


def test_locustfile_has_the_same_shoppers_and_codes(root):
    text = (root / "loadtest" / "locustfile.py").read_text(encoding="utf-8")

    assert f'f"{min(SHOPPERS)[:-1]}{{last}}" for last in "012"' in text
    assert literal(text, "DISCOUNTS").keys() - {None} == DISCOUNTS.keys()
    assert f'"password": "{PASSWORD}"' in text


def test_console_and_openapi_have_the_same_codes(root):
    texts = [path.read_text(encoding="utf-8") for path in (root / "services" / "console").rglob("*.py")]
    codes = [literal(text, "CODES") for text in texts if "\nCODES = " in text]
    order = yaml.safe_load((root / "services" / "orders" / "openapi.yaml").read_text(encoding="utf-8"))

    assert codes == [tuple(DISCOUNTS)]
    assert order["components"]["schemas"]["Order"]["properties"]["discountCode"]["enum"] == [*DISCOUNTS, None]


def test_triggers_use_codes_that_exist():
    orders = [step.order for incident in load_catalogue().values() for step in incident.trigger.steps if step.order]

    assert {order.discount_code for order in orders} <= {*DISCOUNTS, None}
