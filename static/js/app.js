// What every page gets on top of its HTML: theme, keys, "go anywhere". All of it works without this file.
(() => {
  "use strict";
  const root = document.documentElement;

  function toggleTheme() {
    const dark = getComputedStyle(root).colorScheme === "dark" ||
      (!root.dataset.theme && matchMedia("(prefers-color-scheme: dark)").matches);
    const theme = dark ? "light" : "dark";
    root.dataset.theme = theme;
    document.cookie = `theme=${theme}; path=/; max-age=31536000; samesite=lax`;
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-theme-toggle]");
    if (button) { event.preventDefault(); toggleTheme(); }
  });

  window.Pages = { toggleTheme };
})();
