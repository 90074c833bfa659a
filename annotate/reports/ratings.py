"""Pictures that people rated and estimators scored: the table, and the verdicts that it implies.

It must not know file formats, and computes nothing but signs of differences.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations

from annotate.analysis.contrast import Result
from annotate.reports.branches import Branches, Scores


@dataclass(frozen=True)
class RatedSample:
    """One picture: people's rating (None: unrated), each rater's own, each estimator's score."""

    human: float | None
    raters: tuple[float | None, ...]
    scores: tuple[float | None, ...]


@dataclass(frozen=True)
class RatedPair:
    """Two methods' pictures of one prompt, both rated: the higher rating wins, equal ones tie."""

    prompt: str
    a: RatedSample
    b: RatedSample
    result: Result


@dataclass(frozen=True)
class Ratings:
    """Rated, scored pictures by prompt and method; columns of a sample go with the names here."""

    title: str
    prompts: tuple[str, ...]
    methods: tuple[str, ...]
    estimators: tuple[str, ...]
    raters: tuple[str, ...]
    samples: Mapping[tuple[str, str], RatedSample]
    # Prompts of one group (a photo, say) are drawn together.
    groups: Mapping[str, str]

    def unit(self, prompt: str) -> str:
        """What is drawn as a whole: the prompt's group, or the prompt."""
        group = self.groups.get(prompt, "")
        return f"g {group}" if group else f"p {prompt}"

    def pairs(self) -> Iterator[RatedPair]:
        """Every two methods of every prompt whose pictures are both rated."""
        for prompt in self.prompts:
            for one, two in combinations(self.methods, 2):
                a, b = self.samples.get((prompt, one)), self.samples.get((prompt, two))
                result = preferred(a, b)
                if a is not None and b is not None and result is not None:
                    yield RatedPair(prompt, a, b, result)

    def ballots(self) -> Iterator[list[Result]]:
        """What each rater's own ratings say of every pair, those who rated both."""
        for pair in self.pairs():
            both = zip(pair.a.raters, pair.b.raters, strict=True)
            yield [sign(one, two) for one, two in both if one is not None and two is not None]

    def branches(self, *, student: str, teacher: str, refined: str | None = None) -> Branches:
        """Keep the student's picture or replace it, by that of `refined` or else of the teacher.

        Both are judged against the teacher by their ratings; the teacher's own picture ties.

        Raises:
            ValueError: a method is not in the table, or a name stands for two of the three.
        """
        roles = [name for name in (student, refined, teacher) if name is not None]
        for name in roles:
            if name not in self.methods:
                raise ValueError(
                    f"{name!r} is no method of {self.title}. Its methods are "
                    f"{', '.join(self.methods)}."
                )
        if len(set(roles)) != len(roles):
            raise ValueError(
                f"student, refined and teacher are {', '.join(roles)}; give different methods."
            )

        def of(method: str) -> list[RatedSample | None]:
            return [self.samples.get((prompt, method)) for prompt in self.prompts]

        own, other, theirs = of(student), of(refined or teacher), of(teacher)
        return Branches(
            title=self.title,
            student_label=student,
            refined_label=refined or teacher,
            teacher_label=teacher,
            prompts=self.prompts,
            student=tuple(map(preferred, own, theirs)),
            refined=tuple(map(preferred, other, theirs)),
            groups=tuple(map(self.unit, self.prompts)) if any(self.groups.values()) else None,
            scores=tuple(
                Scores(
                    name,
                    tuple(None if s is None else s.scores[place] for s in own),
                    tuple(None if s is None else s.scores[place] for s in theirs),
                )
                for place, name in enumerate(self.estimators)
            ),
        )


def preferred(a: RatedSample | None, b: RatedSample | None) -> Result | None:
    """Who is rated higher, from the first one's side; None where either is unrated."""
    if a is None or b is None or a.human is None or b.human is None:
        return None
    return sign(a.human, b.human)


def sign(one: float, two: float) -> Result:
    """The higher rating wins."""
    return Result.TIE if one == two else Result.WIN if one > two else Result.LOSS
