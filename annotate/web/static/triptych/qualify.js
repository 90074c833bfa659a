// Measures the window for the consent form and says how large it is. It must not decide: the server does.

const words = document.getElementById("measured-words");
const field = document.querySelector("input[name=measured]");

function measure() {
  const { innerWidth: width, innerHeight: height, outerWidth, devicePixelRatio: dpr } = window;
  const zoom = outerWidth > 0 ? Math.round((100 * outerWidth) / width) : null;
  field.value = JSON.stringify({ viewport: [width, height], dpr, zoom_percent: zoom });
  words.textContent = words.dataset.wide.replace("WIDTH", width).replace("HEIGHT", height);
}

measure();
window.addEventListener("resize", measure);
document.querySelector(".banner-error")?.focus();
