from sluicegate.core.usage import NANO, Usage


def test_total_is_input_and_output() -> None:
    assert Usage(input=3, output=4, cached=2, reasoning=1).total == 7
    assert int(NANO) == 10**9
