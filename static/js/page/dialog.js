/** Dialogs over the page, whose content the server renders. */

/**
 * Opens the dialog at once, empty, and fills it with the HTML at `url`. Where that fails, the page goes to `url` instead.
 * @param {string} url
 * @param {string} label what a screen reader calls the dialog
 */
export async function openDialog(url, label) {
  document.querySelector("dialog.page-dialog")?.remove();
  const dialog = createDialog(label);
  const readTypedText = collectTypedText(dialog);
  document.body.append(dialog);
  dialog.showModal();
  dialog.focus();
  const response = await fetch(url, { headers: { "HX-Request": "true" } });
  if (!response.ok) {
    location.href = url;
    return;
  }
  dialog.innerHTML = await response.text();
  window.htmx?.process(dialog);
  focusFirstField(dialog, readTypedText());
}

function createDialog(label) {
  const dialog = document.createElement("dialog");
  dialog.className = "page-dialog panel";
  dialog.setAttribute("aria-label", label);
  dialog.innerHTML = '<p class="soft" aria-busy="true">…</p>';
  dialog.tabIndex = -1;
  dialog.addEventListener("click", event => {
    if (event.target === dialog) dialog.close(); // its backdrop
  });
  dialog.addEventListener("close", () => dialog.remove());
  return dialog;
}

/**
 * Collects what is typed into the dialog before its content is there.
 * @returns {() => string} reads the text so far
 */
function collectTypedText(dialog) {
  let text = "";
  dialog.addEventListener("keydown", event => {
    const isCharacter = event.key.length === 1 && !event.ctrlKey && !event.metaKey;
    if (event.target === dialog && isCharacter) text += event.key;
  });
  return () => text;
}

function focusFirstField(dialog, typedText) {
  const field = dialog.querySelector("input");
  if (!field) return;
  field.focus();
  if (!typedText) return;
  field.value = typedText;
  field.dispatchEvent(new Event("input", { bubbles: true }));
}
