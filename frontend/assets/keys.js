/* Keyboard shortcuts, the same on every page, and the overlay that lists them (`?`). A page adds its own with `add`;
   where a key means something of its own on a page, that counts. */
(function () {
  "use strict";
  const TYPING = "input:not([type='range'], [type='radio'], [type='checkbox']), select, textarea, [contenteditable='true']";
  const OWN_SPACE = "button, a, summary, input[type='radio'], input[type='checkbox']"; // there the space bar presses
  const SHOWN = { " ": "space", ArrowLeft: "←", ArrowRight: "→" };
  const SEQUENCE_MS = 1500;
  const PAGES = [["e", "/", "the explorer"], ["s", "/studies", "the studies"], ["n", "/studies/new", "a new study"], ["q", "/queue", "the queue"], ["m", "/machines", "the machines"]];
  const added = []; // [{title, where, shortcuts}], shortcuts: [[keys, words, action]]; a key is a KeyboardEvent's `key`
  let ledAt = -Infinity;
  let dialog = null;

  function go(path) {
    if (path === window.location.pathname) return;
    if (window.dilutionLab) window.dilutionLab.visit(path);
    else window.location.assign(path); // the explorer is a document of its own
  }

  function nextTheme() {
    const choices = [...document.querySelectorAll("#theme-choice input")];
    const next = choices[(choices.findIndex((one) => one.checked) + 1) % choices.length];
    if (next) next.click();
  }

  function firstField() {
    const fields = [...document.querySelectorAll("main .page input, main.page input")];
    const field = fields.find((one) => one.matches(TYPING) && one.offsetParent !== null);
    if (field) field.focus();
  }

  function turnTab(by) {
    const tabs = [...document.querySelectorAll("#study-tab [role='tab']")];
    const at = tabs.findIndex((one) => one.getAttribute("aria-selected") === "true");
    if (tabs.length) tabs[(at + by + tabs.length) % tabs.length].click();
  }

  const everywhere = {
    title: "Every page",
    shortcuts: [
      ...PAGES.map(([key, path, name]) => [["g", key], "go to " + name, () => go(path)]),
      [["/"], "to the first field of the page", firstField],
      [["t"], "light, dark, as the system", nextTheme],
      [["?"], "this list", open],
    ],
  };
  added.push({ title: "A study", where: "#study-tab", shortcuts: [[["[", "]"], "the tab before, the next tab", (_, key) => turnTab(key === "]" ? 1 : -1)]] });

  const here = () => added.filter((group) => !group.where || document.querySelector(group.where));
  const isSequence = ([keys]) => keys[0] === "g" && keys.length === 2;

  function found(pressed) {
    const own = here().flatMap((group) => group.shortcuts);
    if (performance.now() - ledAt < SEQUENCE_MS) {
      const led = everywhere.shortcuts.find((one) => isSequence(one) && one[0][1] === pressed);
      if (led) return led;
    }
    return [...own, ...everywhere.shortcuts].find((one) => !isSequence(one) && one[0].includes(pressed));
  }

  function listed(group, taken) {
    const title = document.createElement("h3");
    title.textContent = group.title;
    const list = document.createElement("dl");
    for (const one of group.shortcuts) {
      if (!isSequence(one) && one[0].some((key) => taken.has(key))) continue;
      const term = document.createElement("dt");
      one[0].forEach((key) => {
        const cap = document.createElement("kbd");
        cap.textContent = SHOWN[key] ?? key;
        term.append(cap, " ");
      });
      const meaning = document.createElement("dd");
      meaning.textContent = one[1];
      list.append(term, meaning);
    }
    return [title, list];
  }

  function make() {
    dialog = document.createElement("dialog");
    dialog.id = "help";
    dialog.setAttribute("aria-labelledby", "help-title");
    dialog.innerHTML =
      '<h2 id="help-title">Keyboard shortcuts</h2><div id="shortcuts"></div>' +
      '<form method="dialog"><button class="button" id="help-close">Close</button></form>';
    dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
    document.body.append(dialog);
  }

  function open() {
    if (!dialog) make();
    if (dialog.open) return;
    const taken = new Set(here().flatMap((group) => group.shortcuts.flatMap(([keys]) => keys)));
    const parts = [...here().flatMap((group) => listed(group, new Set())), ...listed(everywhere, taken)];
    dialog.querySelector("#shortcuts").replaceChildren(...parts);
    dialog.showModal();
  }

  document.addEventListener("keydown", (event) => {
    const target = event.target instanceof Element ? event.target : document.body;
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (target.closest(TYPING) || document.querySelector("dialog[open], [role='dialog']")) return;
    const pressed = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (event.key === " " && target.closest(OWN_SPACE)) return;
    const shortcut = found(pressed);
    const leads = pressed === "g" && !shortcut;
    ledAt = leads ? performance.now() : -Infinity;
    if (!shortcut) return;
    event.preventDefault();
    shortcut[2](event, pressed);
  });
  document.addEventListener("click", (event) => {
    if (event.target instanceof Element && event.target.closest("[data-open-help]")) open();
  });

  window.dilutionLabKeys = { add: (title, shortcuts) => added.push({ title: title, shortcuts: shortcuts }) };
})();
