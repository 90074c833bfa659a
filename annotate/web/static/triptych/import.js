// Drag and drop, and the progress of an upload. Without it the page is a plain form.

const LIMIT = 2 * 1024 ** 3;
const form = document.querySelector("#import-form");
const drop = document.querySelector("#drop");
const said = document.querySelector("#import-said");

function accept(files) {
  for (const file of files) {
    const zip = /\.zip$/i.test(file.name);
    const list = /\.(csv|jsonl)$/i.test(file.name);
    if (!zip && !list) continue;
    const box = new DataTransfer();
    box.items.add(file);
    form.elements[zip ? "pictures" : "manifest"].files = box.files;
  }
}

function refuse(text) {
  const banner = document.createElement("div");
  banner.className = "banner banner-error";
  banner.setAttribute("role", "alert");
  banner.append(Object.assign(document.createElement("p"), { textContent: text }));
  said.replaceChildren(banner);
  said.focus();
}

function send() {
  const bytes = [...form.querySelectorAll("input[type=file]")]
    .flatMap((input) => [...input.files])
    .reduce((sum, file) => sum + file.size, 0);
  if (bytes > LIMIT) {
    refuse("The upload is larger than 2 GB. Split it, or import on the server: manage.py import_samples.");
    return;
  }
  const button = form.querySelector("[type=submit]");
  const bar = document.querySelector("#upload-bar");
  const words = document.querySelector("#upload-said");
  const request = new XMLHttpRequest(); // fetch cannot tell how far an upload is
  const done = () => {
    button.disabled = false;
    document.querySelector("#upload").hidden = true;
  };
  request.upload.onprogress = ({ loaded, total }) => {
    bar.value = (100 * loaded) / total;
    const whole = Math.round((100 * loaded) / total);
    if (loaded < total) {
      words.textContent = `${whole} % of ${(total / 1e6).toFixed(1)} MB sent`;
    } else {
      words.textContent = "Sent. The pictures are being read; this takes a few seconds per hundred.";
      bar.removeAttribute("value");
    }
  };
  request.onload = () => {
    if (request.status === 200 && request.getResponseHeader("Content-Type")?.includes("json")) {
      location.assign(JSON.parse(request.responseText).next);
      return;
    }
    done();
    const page = new DOMParser().parseFromString(request.responseText, "text/html");
    const answer = page.querySelector("#import-said");
    if (answer) {
      said.replaceChildren(...answer.childNodes);
      said.focus();
    } else {
      refuse(`The server answered ${request.status}. Nothing was imported. Reload the page and try again.`);
    }
  };
  request.onerror = () => {
    done();
    refuse("The connection broke. Nothing was imported. Try again.");
  };
  button.disabled = true;
  document.querySelector("#upload").hidden = false;
  request.open("POST", location.href);
  request.setRequestHeader("X-Part", "import");
  request.send(new FormData(form));
}

if (form) {
  document.querySelector("#drop-hint").textContent =
    "Drop a zip with pictures and a manifest here, or choose them";
  for (const kind of ["dragenter", "dragover"]) {
    drop.addEventListener(kind, (event) => {
      event.preventDefault();
      drop.classList.add("is-over");
    });
  }
  drop.addEventListener("dragleave", () => drop.classList.remove("is-over"));
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    drop.classList.remove("is-over");
    accept(event.dataTransfer.files);
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send();
  });
}
