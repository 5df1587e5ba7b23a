/** Light and dark. */
import { setCookie } from "./cookies.js";

/** Switches the theme of this page and of those to come. */
export function toggleTheme() {
  const page = document.documentElement;
  const preferred = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  const current = page.dataset.theme || preferred;
  page.dataset.theme = current === "dark" ? "light" : "dark";
  setCookie("theme", page.dataset.theme);
}
