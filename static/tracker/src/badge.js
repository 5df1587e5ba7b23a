/**
 * The badge of the on-site widget, on customers' pages and in the preview of its settings.
 *
 * It is in a shadow tree with a stylesheet of its own, so that the page's styles do not reach it, and a policy without
 * inline styles allows it.
 */

const ICON = "M3 13h3v4H3zM8.5 8h3v9h-3zM14 3h3v14h-3z"; // three bars
const NAMESPACE = "http://www.w3.org/2000/svg";
const LIGHT = ["#fff", "#1d2330", "#d5d9e0"]; // ground, ink, line
const DARK = ["#20242d", "#f1f3f6", "#3d4350"];
const MIN_LUMA = 150; // of a ground with dark text, of 255
const STYLE =
  ":host{all:initial;color:inherit}" +
  "button{display:inline-flex;align-items:center;gap:8px;box-sizing:border-box;min-width:44px;min-height:44px;margin:0;padding:0 14px;" +
  "border:1px solid var(--line);border-radius:22px;background:var(--ground);color:var(--ink);" +
  "font:500 14px/1 system-ui,sans-serif;cursor:pointer;box-shadow:0 2px 10px rgb(0 0 0/.18)}" +
  "button:hover{filter:brightness(1.07)}" +
  "button:focus-visible{outline:3px solid #2f7df6;outline-offset:2px}" +
  "svg{width:20px;height:20px;fill:currentColor;flex:none}" +
  ".round{justify-content:center;padding:0}" +
  ".round span,.text svg{display:none}" +
  ".tab{writing-mode:vertical-rl;min-height:0;min-width:36px;padding:14px 0;border-radius:8px 0 0 8px}" +
  ".tab.left{border-radius:0 8px 8px 0}" +
  ".text{padding:0 6px;border-color:transparent;border-radius:6px;background:none;box-shadow:none;text-decoration:underline}" +
  ".text.floating{background:var(--ground)}" +
  "@media print{button{display:none}}";

/** Returns ground, ink and line of the badge: the site's colour with a text that can be read on it, or the theme's. */
const chooseColours = ({ color, theme }) => {
  if (color) {
    const [red, green, blue] = [1, 3, 5].map(at => parseInt(color.slice(at, at + 2), 16));
    const isBright = 0.299 * red + 0.587 * green + 0.114 * blue > MIN_LUMA;
    return [color, isBright ? "#111" : "#fff", color];
  }
  const isDark = theme == "dark" || (theme != "light" && matchMedia("(prefers-color-scheme:dark)").matches);
  return isDark ? DARK : LIGHT;
};

const buildIcon = document => {
  const icon = document.createElementNS(NAMESPACE, "svg");
  icon.setAttribute("viewBox", "0 0 20 20");
  icon.setAttribute("aria-hidden", "true");
  icon.appendChild(document.createElementNS(NAMESPACE, "path")).setAttribute("d", ICON);
  return icon;
};

/** Returns the stylesheet, or nothing in browsers of before 2023: there the button is the browser's own. */
const buildStyleSheet = () => {
  try {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(STYLE);
    return sheet;
  } catch {}
};

/**
 * Puts the badge into an element.
 * @param {Element} host an element of its own
 * @param {{look: string, corner: string, theme: string, color: string, label: string}} options
 * @returns {HTMLButtonElement} what is pressed
 */
export const showBadge = (host, options, isFloating) => {
  const document = host.ownerDocument;
  const root = host.shadowRoot || host.attachShadow({ mode: "open" });
  const sheet = buildStyleSheet();
  if (sheet) root.adoptedStyleSheets = [sheet];
  const button = document.createElement("button");
  button.type = "button";
  button.title = button.ariaLabel = options.label;
  button.className = options.look + (options.corner.endsWith("left") ? " left" : "") + (isFloating ? " floating" : "");
  const colours = chooseColours(options);
  const isPlain = options.look == "text" && !isFloating;
  ["--ground", "--ink", "--line"].forEach((name, index) => button.style.setProperty(name, colours[index]));
  if (isPlain) button.style.setProperty("--ink", options.color || "inherit");
  button.append(buildIcon(document), document.createElement("span"));
  button.lastChild.textContent = options.label;
  root.replaceChildren(button);
  return button;
};
