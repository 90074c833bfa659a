// A button beside each link that is shown once. Without it the link is there to be marked and copied.

for (const field of document.querySelectorAll("[data-copy]")) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "btn";
  button.textContent = field.dataset.copy || "Copy";
  button.addEventListener("click", async () => {
    field.select();
    try {
      await navigator.clipboard.writeText(field.value);
      button.textContent = field.dataset.copied ?? "Copied";
    } catch {
      button.textContent = field.dataset.marked ?? "Marked: press Ctrl C";
    }
  });
  field.after(button);
}
