// Keeps the dashboard's numbers fresh: asks for the live part again while somebody looks at it.

const EVERY_MS = 10_000;
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

async function refresh() {
  // Whoever is about to press a button in the part must not have it taken from under the finger.
  if (document.hidden || live.contains(document.activeElement)) return;
  const response = await fetch(location.href, { headers: { "X-Part": "live" } }).catch(() => null);
  // Signed out or offline: the page stays as it is, with the time at which it was counted.
  if (!response?.ok || response.redirected || live.contains(document.activeElement)) return;
  const scrolled = live.querySelector(".scroller")?.scrollLeft ?? 0;
  live.innerHTML = await response.text();
  const scroller = live.querySelector(".scroller");
  if (scroller) scroller.scrollLeft = scrolled;
  localTimes(live);
}

if (live) {
  localTimes(live);
  if (live.dataset.live !== "off") {
    setInterval(refresh, EVERY_MS);
    document.addEventListener("visibilitychange", refresh);
  }
}
