/** The API toolbox: sends an operation with the reader's key and shows the response. */

const form = document.querySelector("[data-toolbox]");
const output = document.querySelector("[data-toolbox-answer]");
const method = document.getElementById("tool-method");
const path = document.getElementById("tool-path");
let fetchedKey = "";

/** Reads the key to use: the typed one, else the reader's own. */
async function readKey() {
  const typedKey = document.getElementById("tool-key").value;
  if (!typedKey && !fetchedKey) fetchedKey = await fetchKey();
  return typedKey || fetchedKey;
}

/** Fetches the reader's key when the first operation is sent: it is not in the page, so that nobody reads it there. */
async function fetchKey() {
  const response = await fetch(form.dataset.keyAddress, { headers: { "HX-Request": "true" } });
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  const secret = page.querySelector(".secret");
  if (!secret) throw new Error("Your key could not be read. Reload the page and log in again.");
  return secret.textContent.trim();
}

function chooseOperation(event) {
  event.preventDefault();
  const { operation, path: operationPath } = event.currentTarget.dataset;
  method.value = operation;
  path.value = operationPath;
  path.focus();
}

async function sendOperation(event) {
  event.preventDefault();
  try {
    const request = buildRequest();
    request.headers["X-Clickmeter-Authkey"] = await readKey();
    const response = await fetch(`/clickmeter${path.value}`, request);
    output.textContent = `${response.status}\n${indentJson(await response.text())}`;
  } catch (error) {
    output.textContent = String(error);
  }
}

function buildRequest() {
  const request = { method: method.value, headers: {} };
  const body = document.getElementById("tool-body").value.trim();
  if (body && method.value !== "GET") {
    request.body = body;
    request.headers["Content-Type"] = "application/json";
  }
  return request;
}

/** Indents JSON; other text stays as it came. */
function indentJson(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

for (const link of document.querySelectorAll("[data-operation]")) link.addEventListener("click", chooseOperation);
form.addEventListener("submit", sendOperation);
