"""What making a draft's pictures takes, as its launch page shows it.

It must not estimate: `sampling.estimate` does.
"""

from dataclasses import dataclass

from annotate.sampling.estimate import ArmEstimate, Estimate
from annotate.sampling.files import Needed, needed
from annotate.sampling.needs import priced
from annotate.studies.models import Study


@dataclass(frozen=True)
class MachineLines:
    """Arms with their cost, the files they read, and what the paper leaves to us, by fields."""

    estimate: Estimate
    arms: tuple[ArmEstimate, ...]
    files: tuple[Needed, ...]
    our_choice: tuple[tuple[str, tuple[str, ...]], ...]

    @property
    def to_make(self) -> int:
        return sum(arm.to_make for arm in self.arms)

    @property
    def there(self) -> int:
        return sum(arm.there for arm in self.arms)

    @property
    def missing(self) -> tuple[Needed, ...]:
        return tuple(file for file in self.files if file.found is None)


def machine_lines(study: Study, estimate: Estimate) -> MachineLines:
    """The estimate with the files it rests on and our choices."""
    reads = {m.name: m.read_arm() for m in study.read_spec().methods if m.kind != "imported"}
    chosen: dict[tuple[str, ...], list[str]] = {}
    for name, read in reads.items():
        if read.our_choice:
            chosen.setdefault(read.our_choice, []).append(name)
    return MachineLines(
        estimate=estimate,
        arms=estimate.arms,
        files=tuple(needed(priced(read) for read in reads.values())),
        our_choice=tuple((", ".join(names), fields) for fields, names in chosen.items()),
    )
