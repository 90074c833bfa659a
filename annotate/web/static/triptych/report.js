// Keeps an open report up to date while its study runs, and marks the section in view.
// It must not build markup: the server sends finished parts, and these replace the old ones.

const EVERY_MS = 15_000;
const main = document.querySelector("[data-report]");

function currentSection() {
  const links = [...document.querySelectorAll(".toc a")];
  const seen = links.filter((link) => {
    const section = document.querySelector(link.hash);
    return section && section.getBoundingClientRect().top < window.innerHeight / 3;
  });
  const current = seen.at(-1) ?? links[0];
  for (const link of links) {
    if (link === current) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
}

function replaceParts(parsed) {
  const fresh = new Map([...parsed.querySelectorAll("[data-part]")].map((el) => [el.dataset.part, el]));
  const old = [...main.querySelectorAll("[data-part]")];
  const same = old.length === fresh.size && old.every((el) => fresh.has(el.dataset.part));
  if (!same) {
    main.replaceChildren(...parsed.body.childNodes);
    return true;
  }
  let whole = true;
  for (const part of old) {
    const next = fresh.get(part.dataset.part);
    // Nobody loses their place: a part in use, or with an opened detail, waits for the next round.
    const inUse = part.contains(document.activeElement) || part.querySelector("details[open]");
    if (part.outerHTML === next.outerHTML) continue;
    if (inUse) whole = false;
    else part.replaceWith(next);
  }
  return whole;
}

async function refresh() {
  if (document.hidden) return;
  let answer;
  try {
    answer = await fetch(location.href, {
      headers: { "X-Part": "report", "X-Seen": main.dataset.report },
      redirect: "error",
    });
  } catch {
    return; // offline for a moment: the next round asks again
  }
  if (answer.status !== 200) return;
  const parsed = new DOMParser().parseFromString(await answer.text(), "text/html");
  const mark = parsed.querySelector("[data-mark]").dataset.mark;
  // What had to wait is asked for again, though nothing new may have come.
  main.dataset.report = replaceParts(parsed) ? mark : "";
  document.querySelector("#report-status").textContent = "The report was updated.";
  currentSection();
}

async function follow() {
  const began = performance.now();
  await refresh();
  // A large study is asked for less often: reading it takes at most a tenth of the time.
  setTimeout(follow, Math.max(EVERY_MS, 10 * (performance.now() - began)));
}

if (main?.hasAttribute("data-live")) setTimeout(follow, EVERY_MS);
addEventListener("scroll", currentSection, { passive: true });
currentSection();
