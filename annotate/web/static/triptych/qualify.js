// Measures the window for the consent form and says whether two pictures fit. It must not decide: the server does.

const SIDE_BY_SIDE = 900;
const words = document.getElementById("measured-words");
const field = document.querySelector("input[name=measured]");

function measure() {
  const { innerWidth: width, innerHeight: height, outerWidth, devicePixelRatio: dpr } = window;
  const zoom = outerWidth > 0 ? Math.round((100 * outerWidth) / width) : null;
  field.value = JSON.stringify({ viewport: [width, height], dpr, zoom_percent: zoom });
  const fits = width >= SIDE_BY_SIDE || words.dataset.phone !== "";
  const said = fits && width >= SIDE_BY_SIDE ? words.dataset.wide : words.dataset.narrow;
  words.hidden = fits && width < SIDE_BY_SIDE; // a phone, where the study allows them
  words.textContent = said.replace("WIDTH", width).replace("HEIGHT", height);
}

measure();
window.addEventListener("resize", measure);
document.querySelector(".banner-error")?.focus();
