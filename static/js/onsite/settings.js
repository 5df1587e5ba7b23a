/** The preview of the badge on the page of the widget's settings, drawn by the code that customers' pages run. */
import { showBadge } from "../../tracker/src/badge.js";

const form = document.querySelector("#widget-form");
const previews = [...document.querySelectorAll("[data-badge]")];

const drawPreviews = () => {
  const { look, corner, theme, label, color } = Object.fromEntries(new FormData(form));
  const options = { look, corner, theme, label: label || "…", color: /^#[0-9a-f]{6}$/i.test(color) ? color : "" };
  for (const preview of previews) {
    showBadge(preview, { ...options, theme: theme === "auto" ? preview.dataset.badge : theme }, true);
    preview.parentElement.dataset.corner = corner;
  }
};

form.addEventListener("input", drawPreviews);
drawPreviews();
