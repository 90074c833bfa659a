"""What `simulate_annotators` is asked for must describe somebody."""

import pytest
from django.core.management import CommandError, call_command


@pytest.mark.parametrize(
    ("option", "given", "allowed"),
    [
        ("--accuracy", "nan", "from 0 to 1"),
        ("--accuracy", "5", "from 0 to 1"),
        ("--side-bias", "-2", "from -1 to 1"),
        ("--tie-width", "inf", "of 0 or more"),
        ("--seconds", "-1", "of 0 or more"),
        ("--spammers", "half", "from 0 to 1"),
    ],
)
def test_numbers_that_describe_nobody_are_refused(option, given, allowed):
    uid = "0ee80f22-549d-46d5-a187-0c5d2b4d9cf5"
    with pytest.raises(CommandError, match=f"{given}' was given; give a number {allowed}"):
        call_command("simulate_annotators", uid, f"{option}={given}")
