// Keeps the dashboard's numbers fresh: asks for the live part again while somebody looks at it.

const EVERY_MS = 10_000;
// While pictures are being made, for whoever watches them come.
const BUSY_MS = 2_000;
const live = document.querySelector("[data-live]");

function localTimes(root) {
  for (const time of root.querySelectorAll("time[data-local]")) {
    const at = new Date(time.dateTime);
    const far = Math.abs(at - Date.now()) > 24 * 3600 * 1000;
    const parts = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
    if (time.dataset.local === "seconds") parts.second = "2-digit";
    if (far) Object.assign(parts, { day: "numeric", month: "short" });
    time.textContent = new Intl.DateTimeFormat("en-GB", parts).format(at);
  }
}

// Whoever is about to press a button, reads what was unfolded or has typed must not lose it.
function inUse() {
  const typed = [...live.querySelectorAll("input:not([type=hidden]), textarea")];
  const chosen = [...live.querySelectorAll("option")];
  return (
    live.contains(document.activeElement) ||
    live.querySelector("details[open]") ||
    typed.some((field) => field.value !== field.defaultValue) ||
    chosen.some((option) => option.defaultSelected && !option.selected)
  );
}

async function refresh() {
  if (document.hidden || inUse()) return;
  const response = await fetch(location.href, { headers: { "X-Part": "live" } }).catch(() => null);
  // Signed out or offline: the page stays as it is, with the time at which it was counted.
  if (!response?.ok || response.redirected || inUse()) return;
  const scrolled = live.querySelector(".scroller")?.scrollLeft ?? 0;
  live.innerHTML = await response.text();
  const scroller = live.querySelector(".scroller");
  if (scroller) scroller.scrollLeft = scrolled;
  localTimes(live);
}

if (live) {
  localTimes(live);
  if (live.dataset.live !== "off") {
    let asked = Date.now();
    setInterval(() => {
      const due = live.querySelector("[data-busy]") ? BUSY_MS : EVERY_MS;
      if (Date.now() - asked < due) return;
      asked = Date.now();
      refresh();
    }, BUSY_MS);
    document.addEventListener("visibilitychange", refresh);
  }
}
