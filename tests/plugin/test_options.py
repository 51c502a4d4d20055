"""Options that cannot be meant are refused in a sentence, before anything is started."""

import pytest

USES_IT = """
    def test_it(virtual_shop):
        pass
"""


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--vshop-url=http://127.0.0.1:8080"], "*names a port, but not whose*orders=http://127.0.0.1:8080*"),
        (["--vshop-url=shop"], "*is neither http://host nor part=http://host:port*"),
        (["--vshop-url=cart=http://127.0.0.1:1"], "*with one of orders, auth, stock*"),
        (["--vshop-url=http://h", "--vshop-home=/h"], "*named twice*"),
        (["--vshop-url=http://h", "--vshop-otlp-endpoint=http://t:1"], "*vshop up --forward*"),
        (["--vshop-home=/nowhere"], "*No shop runs in /nowhere. `vshop up --home /nowhere` starts one.*"),
        (["--vshop-env=LINK"], "*NAME=VALUE*"),
    ],
)
def test_a_wrong_option_says_what_to_write_instead(run, options, said):
    """Without a stack trace."""
    result = run(USES_IT, *options)

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([said])
    result.stdout.no_fnmatch_line("*Traceback*")


def test_every_option_begins_with_vshop(run):
    """So that none clashes with another plugin's."""
    result = run(USES_IT, "--help")

    listed = [line.split()[0] for line in result.outlines if line.strip().startswith("--vshop")]
    assert {line.partition("=")[0] for line in listed} >= {"--vshop-url", "--vshop-mode", "--vshop-otlp-endpoint", "--vshop-shared"}


def test_a_service_that_cannot_start_is_named_with_its_remedy(run):
    """A setting that is none: the shop's own error is what is shown."""
    result = run(USES_IT, "--vshop-env=SHOP_KAFKA_TRACE=sideways")

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*SHOP_KAFKA_TRACE='sideways'*"])
