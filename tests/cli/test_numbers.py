"""Numbers on the command line: outside their range they are refused before anything is begun."""

import pytest
from django.core.management import CommandError, call_command

NOBODY = "00000000-0000-0000-0000-000000000000"


@pytest.mark.parametrize(
    ("command", "allowed"),
    [
        ("up --port=70000", "'70000'; give a whole number from 0 to 65535."),
        ("demo --port=-1", "from 0 to 65535."),
        ("demo --prompts=0", "'0'; give a whole number of 1 or more."),
        ("reproduce_paper --world=reference --dry-run --prompts=0", "of 2 or more."),
        ("reproduce_paper --preset=table4 --dry-run --prompts=0", "of 2 or more."),
        ("reproduce_paper --world=reference --dry-run --seed=-1", "from 0 to 9223372036854775807"),
        (f"calibrate_threshold {NOBODY} --actor=x --replicas=0", "of 1 or more."),
        ("launch_study fig9a --limit=0", "of 1 or more."),
        ("launch_study fig9a --tune-limit=0", "of 1 or more."),
        ("launch_study fig9a --seed=many", "'many'; give a whole number from 0"),
        ("plan_study --rehearse=-1", "of 0 or more."),
        ("plan_study --annotators=0", "of 1 or more."),
        ("oracle_lab --csv=x --resamples=0", "of 1 or more."),
    ],
)
def test_a_number_outside_its_range_is_refused_with_what_is_allowed(command, allowed):
    name, *options = command.split()
    with pytest.raises(CommandError) as refused:
        call_command(name, *options)
    assert allowed in str(refused.value)
