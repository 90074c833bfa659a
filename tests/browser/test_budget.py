"""What opening the judging screen costs, and that its two sides are marked up alike."""

import re

import pytest

from tests.browser.bench import Bench

pytestmark = pytest.mark.browser

# Sample pictures apart. transferSize is what came over the wire: compressed body and headers.
LOADED = """() => [...performance.getEntriesByType("navigation"),
                   ...performance.getEntriesByType("resource")]
    .filter(({ name }) => !name.includes("/i/") && !name.startsWith("data:"))
    .map(({ name, transferSize, encodedBodySize, decodedBodySize }) =>
        [name, transferSize, encodedBodySize, decodedBodySize])"""


def test_the_judging_page_costs_at_most_60_kb_and_8_requests_cold(judging):
    bench, _study = judging(pairs=3)
    loaded = bench.run(LOADED)
    assert len(loaded) <= 8, loaded
    assert sum(row[1] for row in loaded) <= 60_000, loaded
    static = [row for row in loaded if "/static/" in row[0]]
    assert len(static) >= 6
    # Compressed beforehand, and under names that may be kept for ever.
    assert all(encoded < decoded for _, _, encoded, decoded in static)
    assert all(re.search(r"\.[0-9a-f]{12}\.(js|css)$", name) for name, *_ in static)


def test_a_second_visit_asks_for_the_page_alone(judging):
    bench, _study = judging(pairs=3)
    bench.page.reload()
    bench.ready()
    asked = [name for name, wire, *_ in bench.run(LOADED) if wire > 0]
    assert len(asked) == 1, asked


def test_both_panes_are_marked_up_alike_for_every_pair(site, visitor):
    """Method a is the smaller picture; over a dozen pairs nothing but the address differs."""
    study = site.ask("study", pairs=12, sizes=[(256, 256), (512, 512)])
    context = visitor(study["people"][0]["session"])
    bench = Bench(context.new_page(), f"/annotate/{study['uid']}/").open()
    panes = "[1, 2].map(n => document.querySelector(`.pane-${n}`).outerHTML)"
    neutral = [(r'src="[^"]*"', "src"), (r"pane-[12]", "pane"), (r"Picture [12]", "Picture")]
    neutral += [(r">[12]<", ">n<"), (r'"(Left|Right)"', '"side"')]
    for _ in range(12):
        left, right = bench.ready().run(panes)
        assert "src=" in left
        for pattern, word in neutral:
            left, right = re.sub(pattern, word, left), re.sub(pattern, word, right)
        assert left == right
        natural = "[...document.querySelectorAll('.pane .frame img')].map(i => i.naturalWidth)"
        assert bench.run(natural) == [512, 512]
        bench.answer("Digit1")
