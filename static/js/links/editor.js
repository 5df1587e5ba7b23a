/** The form of a link: shows the fields of the chosen way to redirect, and hides those of the others. */

const select = document.getElementById("id_mode");

function showFieldsOfMode() {
  for (const fields of document.querySelectorAll("[data-mode]")) fields.hidden = fields.dataset.mode !== select.value;
}

if (select) {
  select.addEventListener("change", showFieldsOfMode);
  showFieldsOfMode();
}
