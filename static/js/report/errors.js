/** Parts of a report that could not be loaded. */

/** Says so in the part that was requested, or in each that still waits within it. */
export function showLoadingError(event) {
  const { target } = event.detail;
  if (!target?.matches) return;
  const parts = target.matches(".waiting") ? [target] : target.querySelectorAll(".waiting");
  for (const part of parts) replaceByError(part);
}

function replaceByError(part) {
  if (part.classList.contains("previous-numbers")) removePreviousLinks(part);
  part.classList.remove("waiting", "previous-numbers");
  part.inert = false;
  part.setAttribute("aria-busy", "false");
  const body = part.querySelector(".panel-body") || part;
  body.classList.remove("skeleton");
  body.removeAttribute("aria-hidden");
  body.replaceChildren(createMessage(part));
  window.htmx.process(body);
}

/** Tabs and "more" of the previous numbers lead to the previous period. */
function removePreviousLinks(part) {
  for (const link of part.querySelectorAll(".tabs, .more")) link.remove();
}

function createMessage(part) {
  const panelLink = part.querySelector(".panel-head h2 a");
  const link = panelLink ? panelLink.cloneNode() : document.createElement("a");
  if (!panelLink) link.href = location.href;
  link.textContent = "Try again";
  const message = document.createElement("p");
  message.className = "empty";
  message.append("This part could not be loaded. ", link);
  return message;
}
