/* Import of machines: files are dropped on the page or chosen, sent as they are, and each tells what became of it. */
(function () {
  "use strict";
  const zone = () => document.getElementById("machines-import");
  const log = () => document.getElementById("machines-import-log");
  let depth = 0; // dragenter and dragleave come for every element on the way

  function element(tag, className, ...children) {
    const made = document.createElement(tag);
    if (className) made.className = className;
    made.append(...children);
    return made;
  }

  function link(href, words, within) {
    const made = element("a", "cell-link", words);
    made.href = href;
    if (within) {
      made.addEventListener("click", (event) => {
        if (event.ctrlKey || event.metaKey || event.shiftKey) return;
        event.preventDefault();
        window.dilutionLab.visit(href);
      });
    }
    return made;
  }

  function closing(entry) {
    const button = element("button", "cell-command", "\u00d7");
    button.type = "button";
    button.setAttribute("aria-label", "Remove this message");
    button.addEventListener("click", () => entry.remove());
    return button;
  }

  function tell(entry, state, ...children) {
    entry.dataset.state = state;
    entry.replaceChildren(element("div", "", ...children), ...(state === "busy" ? [] : [closing(entry)]));
  }

  function refused(entry, file, title, reasons) {
    const list = element("ul", "", ...reasons.map((reason) => element("li", "", reason)));
    tell(entry, "failed", element("strong", "", `${file.name}: ${title}`), list);
  }

  const place = (pointer) => (pointer === "/" ? "" : pointer.replace(/^\//, "") + " ");

  function reasonsOf(problem, status) {
    const found = (problem.errors || []).map((one) => place(one.pointer) + one.detail);
    return found.length ? found : [problem.detail || `the laboratory answered ${status}`];
  }

  async function send(file) {
    const entry = element("div", "import-entry");
    log().prepend(entry);
    const limit = Number(zone().dataset.limit);
    if (file.size > limit) {
      const words = `it has ${file.size.toLocaleString("en")} bytes; at most ${limit.toLocaleString("en")} are taken`;
      return refused(entry, file, "not imported", [words]);
    }
    tell(entry, "busy", `Sending ${file.name} ...`);
    const name = file.name.replace(/\.safetensors$/i, "");
    const address = "/api/v1/machines?" + new URLSearchParams({ name: name.slice(0, 200) });
    try {
      const headers = { "Content-Type": "application/octet-stream" };
      const answer = await fetch(address, { method: "POST", headers: headers, body: file });
      const found = await answer.json().catch(() => ({}));
      if (!answer.ok) return refused(entry, file, "not imported", reasonsOf(found, answer.status));
      const words = answer.status === 201 ? `${file.name} is imported: ` : `${file.name} is here already: `;
      const machine = link("/machines/" + found.id, found.name, true);
      tell(entry, "done", words, machine, " \u00b7 ", link("/?m=" + found.id, "open in the explorer"));
    } catch (error) {
      const words = "the laboratory does not answer, or the file cannot be read: is it still there?";
      refused(entry, file, "not imported", [words]);
    }
  }

  async function take(files) {
    for (const file of files) await send(file);
  }

  function choose() {
    const input = element("input");
    input.type = "file";
    input.accept = ".safetensors";
    input.multiple = true;
    input.addEventListener("change", () => take([...input.files]));
    input.click();
  }

  function carriesFiles(event) {
    return Boolean(zone()) && Array.from((event.dataTransfer || {}).types || []).includes("Files");
  }

  function mark(over) {
    if (zone()) zone().classList.toggle("over", over);
  }

  document.addEventListener("click", (event) => {
    if (event.target.closest && event.target.closest("#machines-import-button")) choose();
  });
  document.addEventListener("dragenter", (event) => {
    if (!carriesFiles(event)) return;
    depth += 1;
    mark(true);
  });
  document.addEventListener("dragleave", (event) => {
    if (!carriesFiles(event)) return;
    depth -= 1;
    if (depth <= 0) mark(false);
  });
  document.addEventListener("dragover", (event) => {
    if (carriesFiles(event)) event.preventDefault(); // else the browser opens the file
  });
  document.addEventListener("drop", (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    depth = 0;
    mark(false);
    take([...event.dataTransfer.files]);
  });
})();
