/* Keyboard shortcuts and the overlay that lists them. */

const TYPING = "input:not([type='range']), select, textarea";

/* shortcuts: [[keys, words, action]]; a key is a KeyboardEvent's `key`, shown as it is but for a few. */
export function listen(shortcuts, dialog, list) {
  const shown = { " ": "space", ArrowLeft: "←", ArrowRight: "→" };
  for (const [keys, words] of shortcuts) {
    const term = document.createElement("dt");
    keys.forEach((key) => {
      const cap = document.createElement("kbd");
      cap.textContent = shown[key] ?? key;
      term.append(cap, " ");
    });
    const meaning = document.createElement("dd");
    meaning.textContent = words;
    list.append(term, meaning);
  }
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || dialog.open || event.target.closest?.(TYPING)) return;
    const pressed = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (event.key === " " && event.target.closest?.("button, a")) return; // the button's own key
    const found = shortcuts.find(([keys]) => keys.includes(pressed));
    if (!found) return;
    event.preventDefault();
    found[2](event, pressed);
  });
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close();
  });
}
