// Before the first paint: the theme that was chosen here last, so that nothing flashes.
(function () {
  var theme = "system";
  try {
    theme = localStorage.getItem("tradewind.theme") || "system";
  } catch {
    // Storage may be forbidden: the system's theme then.
  }
  var dark = theme === "dark" || (theme !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
  document.documentElement.dataset.theme = dark ? "dark" : "light";
})();
