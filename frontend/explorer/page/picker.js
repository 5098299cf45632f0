/* A searchable list of machines: type a part of a name, choose with the mouse or the arrow keys. */

import * as api from "./api.js";

const WAIT = 150;

export class Picker {
  constructor(place, label, choose, suggestions) {
    this.choose = choose;
    this.suggestions = suggestions;
    this.at = -1;
    place.classList.add("picker");
    place.innerHTML = `<label class="label" for="${place.id}-input"></label>
      <input type="search" id="${place.id}-input" role="combobox" aria-expanded="false" aria-autocomplete="list"
        aria-controls="${place.id}-list" autocomplete="off" spellcheck="false">
      <ul role="listbox" id="${place.id}-list" hidden></ul>`;
    place.querySelector("label").textContent = label;
    this.input = place.querySelector("input");
    this.list = place.querySelector("ul");
    this.list.setAttribute("aria-label", label);
    this.input.addEventListener("focus", () => this.input.select());
    this.input.addEventListener("click", () => this.search(""));
    this.input.addEventListener("input", () => {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.search(this.input.value.trim()), WAIT);
    });
    this.input.addEventListener("blur", () => this.close());
    this.input.addEventListener("keydown", (event) => this.press(event));
  }

  show(info) {
    this.info = info;
    this.input.value = info ? info.name : "";
  }

  async search(words) {
    const asked = (this.asked = Symbol(words));
    let found;
    try {
      found = words ? await api.named(words) : [...this.suggestions(), ...(await api.named("")).filter((one) => one.origin !== "zoo")];
    } catch (error) {
      found = [];
      this.message = error.message;
    }
    if (this.asked !== asked || document.activeElement !== this.input) return;
    this.fill(found);
    this.message = null;
  }

  fill(found) {
    this.found = found;
    this.at = found.findIndex((one) => one.id === this.info?.id);
    this.list.replaceChildren(...found.map((one, at) => this.option(one, at)));
    if (!found.length) {
      const none = document.createElement("li");
      none.className = "none";
      none.textContent = this.message ?? "No machine has this in its name.";
      this.list.append(none);
    }
    this.list.hidden = false;
    this.input.setAttribute("aria-expanded", "true");
    this.mark();
  }

  option(one, at) {
    const item = document.createElement("li");
    item.id = `${this.list.id}-${at}`;
    item.setAttribute("role", "option");
    const about = document.createElement("small");
    about.textContent = `p0 = ${one.initial_dilution}, ${one.num_hidden} units, ${one.origin}`;
    item.append(one.name, about);
    item.addEventListener("mousedown", (event) => {
      event.preventDefault(); // the input keeps the focus until the choice is made
      this.take(at);
    });
    return item;
  }

  press(event) {
    const moves = { ArrowDown: 1, ArrowUp: -1 };
    if (event.key === "Escape") {
      event.preventDefault(); // the browser would empty the field, and that would search again
      this.show(this.info);
      this.close();
    } else if (event.key === "Enter" && !this.list.hidden) {
      this.take(Math.max(0, this.at));
    } else if (event.key in moves) {
      event.preventDefault();
      if (this.list.hidden) this.search("");
      else if (this.found.length) {
        this.at = (this.at + moves[event.key] + this.found.length) % this.found.length;
        this.mark();
      }
    }
  }

  mark() {
    [...this.list.children].forEach((item, at) => {
      item.setAttribute("aria-selected", String(at === this.at));
      if (at === this.at) item.scrollIntoView({ block: "nearest" });
    });
    this.input.setAttribute("aria-activedescendant", this.at >= 0 ? `${this.list.id}-${this.at}` : "");
  }

  take(at) {
    const one = this.found[at];
    if (!one) return;
    this.show(one);
    this.close();
    this.input.blur();
    this.choose(one);
  }

  close() {
    clearTimeout(this.timer);
    this.asked = null;
    this.list.hidden = true;
    this.input.setAttribute("aria-expanded", "false");
    this.input.value = this.info?.name ?? "";
  }
}
