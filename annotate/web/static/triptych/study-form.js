// Adds a blank row to a table when its last one is used. Without it, saving gives new blank rows.

for (const table of document.querySelectorAll("[data-rows]")) {
  const name = table.dataset.rows;
  table.addEventListener("input", () => {
    const last = table.tBodies[0].rows[table.tBodies[0].rows.length - 1];
    const texts = [...last.querySelectorAll("input[type=text], textarea")];
    if (texts.every((field) => field.value.trim() === "")) return;
    const copy = last.cloneNode(true);
    const number = table.tBodies[0].rows.length;
    for (const field of copy.querySelectorAll("input, select, textarea")) {
      const column = field.name.slice(field.name.lastIndexOf("-"));
      field.name = `${name}-${number}${column}`;
      field.setAttribute("aria-label", field.getAttribute("aria-label").replace(/\d+$/, number + 1));
      if (field.type === "checkbox") field.checked = false;
      else if (field.tagName === "SELECT") field.selectedIndex = 0;
      else field.value = "";
    }
    table.tBodies[0].append(copy);
  });
}


// What follows from fields while they are written: the price of a method, who would pass an exam.
const WAIT_MS = 400;

function answered(part, address, { fields, place }) {
  let waiting = 0;
  const show = async () => {
    const said = new URLSearchParams();
    for (const field of part.querySelectorAll(fields)) {
      said.set(field.name.slice(field.name.lastIndexOf("-") + 1), field.value);
    }
    const answer = await fetch(`${address}?${said}`).catch(() => null);
    if (answer?.ok && !answer.redirected) {
      part.querySelector(place).innerHTML = await answer.text();
    }
  };
  part.addEventListener("input", (event) => {
    if (!event.target.matches(fields)) return;
    clearTimeout(waiting);
    waiting = setTimeout(show, WAIT_MS);
  });
}

const passing = document.querySelector("[data-passing]");
if (passing) {
  answered(passing.closest("section"), passing.dataset.passing, {
    fields: "[name^='protocol-exam_']",
    place: ".passing",
  });
}

// Methods: a blank card below the last used one, and the price of each.

function grown(last) {
  const number = Number(last.dataset.method) + 1;
  const card = last.cloneNode(true);
  card.dataset.method = number;
  card.classList.remove("is-wrong");
  card.querySelector("legend").textContent = `Method ${number + 1}`;
  card.querySelector(".method-price").replaceChildren();
  for (const said of card.querySelectorAll(".error")) said.remove();
  for (const field of card.querySelectorAll("[name]")) {
    field.name = field.name.replace(/-\d+-/, `-${number}-`);
    if (field.id) field.id = field.name;
    if (field.tagName === "SELECT") field.selectedIndex = 0;
    else field.value = "";
  }
  for (const label of card.querySelectorAll("label")) {
    label.htmlFor = label.htmlFor.replace(/-\d+-/, `-${number}-`);
  }
  last.after(card);
  return card;
}

const methods = document.querySelector("[data-methods]");
if (methods) {
  const watch = (card) =>
    answered(card, methods.dataset.price, { fields: "[name]", place: ".method-price" });
  methods.querySelectorAll("[data-method]").forEach(watch);
  methods.addEventListener("input", (event) => {
    const last = [...methods.querySelectorAll("[data-method]")].at(-1);
    if (event.target.value !== "" && last.contains(event.target)) watch(grown(last));
  });
}

document.querySelector("#preview")?.focus();
