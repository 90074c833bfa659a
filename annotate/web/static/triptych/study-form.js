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

document.querySelector("#preview")?.focus();
