/** Buttons that copy a snippet, a key or an address. */

const CONFIRMATION_MS = 2000;

/** Puts a button after each element with an empty `data-copy`. The button's own `data-copy` is the text to copy. */
export function addCopyButtons() {
  for (const source of document.querySelectorAll('[data-copy=""]')) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "button button-quiet copy";
    button.textContent = "Copy";
    button.dataset.copy = source.textContent.trim();
    source.removeAttribute("data-copy");
    source.after(button);
  }
}

/** Copies the button's text and says so on the button for a moment. */
export async function copyText(button) {
  await navigator.clipboard.writeText(button.dataset.copy);
  button.textContent = "Copied";
  setTimeout(() => {
    button.textContent = "Copy";
  }, CONFIRMATION_MS);
}
