/* The colour scheme: light, dark or the system's, remembered; applied before the first paint. */
(function () {
  "use strict";
  const KEY = "dilution-lab-theme";
  const COOKIE = "dilution-lab-scheme";
  const system = window.matchMedia("(prefers-color-scheme: dark)");

  let asked = false;

  function resolve(choice) {
    return choice === "auto" ? (system.matches ? "dark" : "light") : choice;
  }

  function remembered() {
    try {
      const choice = window.localStorage.getItem(KEY);
      return ["light", "dark"].includes(choice) ? choice : "auto";
    } catch (error) {
      return "auto"; // storage is forbidden in this browser: follow the system
    }
  }

  function apply(scheme) {
    document.documentElement.setAttribute("data-mantine-color-scheme", scheme);
    document.documentElement.style.colorScheme = scheme;
    if (document.body) document.body.setAttribute("data-ag-theme-mode", scheme);
    // The server draws the first figures in these colours.
    document.cookie = `${COOKIE}=${scheme}; path=/; max-age=31536000; SameSite=Lax`;
  }

  apply(resolve(remembered()));
  system.addEventListener("change", () => {
    if (remembered() !== "auto") return;
    const scheme = resolve("auto");
    apply(scheme);
    if (!window.dash_clientside.set_props) return; // a page without Dash
    window.dash_clientside.set_props("mantine", { forceColorScheme: scheme });
    window.dash_clientside.set_props("scheme", { data: scheme });
  });

  window.dash_clientside = Object.assign({}, window.dash_clientside, {
    theme: {
      /* On the first call the control takes the remembered choice; later it makes it. `known`: what figures have. */
      choose: function (choice, known) {
        if (!asked) choice = remembered();
        else {
          try {
            window.localStorage.setItem(KEY, choice);
          } catch (error) {
            /* the choice lives as long as the page */
          }
        }
        asked = true;
        const scheme = resolve(choice);
        apply(scheme);
        return [choice, scheme === known ? window.dash_clientside.no_update : scheme, scheme];
      },
    },
  });
})();
