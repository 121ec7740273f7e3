// Small conveniences. Every page works without them.
for (const button of document.querySelectorAll("[data-copy]")) {
  if (!navigator.clipboard) continue;
  button.hidden = false;
}
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  await navigator.clipboard.writeText(button.dataset.copy);
  announce("Copied");
});

// Says something to those who can't see it. One region, so that messages don't talk over each other.
function announce(text) {
  const region = document.getElementById("announce");
  if (region) region.textContent = text;
}

// Shows what is typed into a password field, as long as its box is ticked.
for (const label of document.querySelectorAll("[data-reveal]")) {
  const field = document.getElementById(label.dataset.reveal);
  const box = label.querySelector("input");
  if (!field || !box) continue;
  label.hidden = false;
  box.addEventListener("change", () => { field.type = box.checked ? "text" : "password"; });
  field.form?.addEventListener("submit", () => { field.type = "password"; });
}
