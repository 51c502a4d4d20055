import importlib.util
from pathlib import Path

import pytest

_SPEC = importlib.util.spec_from_file_location("docs_matching_alone", Path(__file__).with_name("matching.py"))
matching = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(matching)


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        ("202 order 47922a57-1723-4c63-8aa2-00d9422b6663", "202 order aaaaaaaa-1723-4c63-8aa2-00d9422b6663"),
        ("orders  POST /orders  ████  17.0 ms 202", "orders  POST /orders ▏        4.1 ms 202"),
        ("Clean in 0.27 s", "Clean in 1.4 s"),
        ("a … c", "a b b c"),
        ("a …", "a"),
        ("first\n…\nlast", "first\nx\ny\nlast"),
        ("first\n…\nlast", "first\nlast"),
        ("one\n\ntwo", "one\ntwo\n\n"),
    ],
)
def test_output_that_differs_only_in_ids_times_and_bars_matches(shown, printed):
    assert matching.matches(shown, printed)


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        ("202 order", "401 order"),
        ("one", "one\ntwo"),
        ("a … c", "a\nc"),
        ("one\n…", "two"),
        ("stock 5", "stock 50"),
        ("", "surprise"),
    ],
)
def test_other_output_does_not_match(shown, printed):
    assert not matching.matches(shown, printed)
