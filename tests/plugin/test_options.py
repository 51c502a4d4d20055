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
def test_a_wrong_option_says_what_to_write_instead(run_here, options, said):
    result = run_here(USES_IT, *options)

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([said])
    result.stdout.no_fnmatch_line("*Traceback*")


def test_every_option_begins_with_vshop(run_here):
    result = run_here(USES_IT, "--help")

    listed = [line.split()[0] for line in result.outlines if line.strip().startswith("--vshop")]
    assert {line.partition("=")[0] for line in listed} >= {"--vshop-url", "--vshop-mode", "--vshop-otlp-endpoint", "--vshop-shared"}


def test_invalid_setting_shows_the_settings_error(run_here):
    result = run_here(USES_IT, "--vshop-env=SHOP_KAFKA_TRACE=sideways")

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*SHOP_KAFKA_TRACE='sideways'*"])


def test_a_shop_that_cannot_be_reached_fails_one_test_only(run_here):
    result = run_here(
        """
        import pytest

        @pytest.mark.parametrize("number", range(5))
        def test_it(virtual_shop, number):
            pass

        def test_without_the_shop():
            pass
        """,
        "--vshop-url=orders=http://127.0.0.1:1",
        "-rs",
    )

    result.assert_outcomes(errors=1, skipped=4, passed=1)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert result.stdout.str().count("Cannot attach to the shop") == 1
    result.stdout.fnmatch_lines(["SKIPPED*see the error of the first test that uses it*"])
