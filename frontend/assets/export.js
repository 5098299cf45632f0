/* Figures and tables as files: CSV, SVG, PNG and PDF, of what is seen, made in the browser. */
(function () {
  "use strict";
  const FOLDER = "/assets/pdf/";
  const FONT = "Inter";
  const POINTS = 0.75; // of one pixel
  let tools = null;

  function save(data, kind, file) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([data], { type: kind }));
    link.download = file;
    link.click();
    window.setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  }

  function quoted(value) {
    const text = value === null || value === undefined ? "" : String(value).replace(/<[^>]*>/g, "");
    return /[",\n]/.test(text) ? '"' + text.replaceAll('"', '""') + '"' : text;
  }

  function tableRows(table) {
    return Array.from(table.rows).map((row) => Array.from(row.cells).map((cell) => cell.innerText.trim()));
  }

  /* The curve's name; in a figure of several panels with what its panel shows. */
  function nameOf(trace, { layout }) {
    const title = layout[(trace.yaxis ?? "y").replace("y", "yaxis")]?.title?.text;
    return layout.yaxis2 && title ? trace.name + ", " + title : trace.name;
  }

  /* What a figure shows: one row for each point of each visible curve; bands, and gaps within a curve, are left out. */
  function figureRows(graph) {
    const rows = [["curve", "x", "y", "z"]];
    graph.data
      .filter((trace) => trace.visible !== "legendonly" && trace.name !== "band")
      .forEach((trace) =>
        Array.from(trace.x ?? []).forEach((x, at) => {
          if (x !== null) rows.push([nameOf(trace, graph), x, trace.y[at], trace.z?.[at]]);
        }),
      );
    return rows;
  }

  function sizeOf(graph) {
    return { width: Math.max(graph.clientWidth, 900), height: Math.max(graph.clientHeight, 540) };
  }

  function script(name) {
    return new Promise((resolve, reject) => {
      const one = document.createElement("script");
      one.src = FOLDER + name;
      one.onload = resolve;
      one.onerror = () => reject(new Error(name + " could not be loaded"));
      document.head.appendChild(one);
    });
  }

  async function font() {
    const answer = await fetch(FOLDER + "inter.ttf");
    if (!answer.ok) throw new Error("the font could not be loaded");
    const bytes = new Uint8Array(await answer.arrayBuffer());
    const face = new FontFace(FONT, bytes);
    document.fonts.add(await face.load()); // plotly measures with the font that the file will have
    return btoa(bytes.reduce((text, byte) => text + String.fromCharCode(byte), ""));
  }

  /* The writer of PDF files and its font: half a megabyte, fetched when it is first needed. */
  function pdfTools() {
    tools = tools || script("jspdf.umd.min.js").then(() => script("svg2pdf.umd.min.js")).then(font);
    tools.catch(() => (tools = null));
    return tools;
  }

  /* Every run of text on its own, where the browser puts it: subscripts and lines are laid out here, not by the writer. */
  function flatten(text) {
    const walker = document.createTreeWalker(text, NodeFilter.SHOW_TEXT);
    let at = 0;
    for (let node = walker.nextNode(); node; at += node.data.length, node = walker.nextNode()) {
      const words = node.data.replaceAll("\u200b", "").trim();
      if (!words) continue;
      const start = text.getStartPositionOfChar(at + node.data.indexOf(words[0]));
      const style = window.getComputedStyle(node.parentNode);
      const run = document.createElementNS(text.namespaceURI, "text");
      if (text.hasAttribute("transform")) run.setAttribute("transform", text.getAttribute("transform"));
      run.setAttribute("x", start.x);
      run.setAttribute("y", start.y);
      run.setAttribute("font-family", FONT);
      run.setAttribute("font-size", style.fontSize);
      run.setAttribute("fill", style.fill);
      run.setAttribute("fill-opacity", style.fillOpacity);
      run.textContent = words;
      text.parentNode.insertBefore(run, text);
    }
    text.remove();
  }

  async function pdfOf(graph, name) {
    const letters = await pdfTools();
    const size = sizeOf(graph);
    const layout = Object.assign({}, graph.layout, { font: Object.assign({}, graph.layout.font, { family: FONT }) });
    const options = Object.assign({ format: "svg", imageDataOnly: true }, size);
    const svg = await window.Plotly.toImage({ data: graph.data, layout: layout }, options);
    const stage = document.createElement("div");
    stage.style.cssText = "position: fixed; left: 0; top: 0; visibility: hidden; pointer-events: none";
    stage.innerHTML = svg;
    document.body.appendChild(stage);
    try {
      stage.querySelectorAll("text").forEach(flatten);
      const page = { width: size.width * POINTS, height: size.height * POINTS };
      const file = new window.jspdf.jsPDF({
        unit: "pt",
        format: [page.width, page.height],
        orientation: page.width > page.height ? "landscape" : "portrait",
        compress: true,
        putOnlyUsedFonts: true,
      });
      file.setProperties({ title: name, creator: "Dilution Lab" });
      file.addFileToVFS("inter.ttf", letters);
      file.addFont("inter.ttf", FONT, "normal");
      await file.svg(stage.firstElementChild, page);
      return file.output("blob");
    } finally {
      stage.remove();
    }
  }

  function failed(error) {
    const words = { action: "show", title: "The file could not be made", message: String(error.message || error) };
    window.dash_clientside.set_props("notices", { sendNotifications: [Object.assign(words, { color: "red" })] });
  }

  function picture(graph, id) {
    const options = Object.assign({ format: id.format, filename: id.name, scale: id.format === "png" ? 2 : 1 }, sizeOf(graph));
    return window.Plotly.downloadImage(graph, options);
  }

  window.dash_clientside = Object.assign({}, window.dash_clientside, {
    exports: {
      save: function () {
        const clicked = window.dash_clientside.callback_context.triggered[0];
        if (!clicked || !clicked.value) return window.dash_clientside.no_update;
        const id = JSON.parse(clicked.prop_id.split(".")[0]);
        const place = document.getElementById(id.figure);
        const graph = place && place.querySelector(".js-plotly-plot");
        const table = place && place.querySelector("table");
        if (id.format === "csv" && (graph || table)) {
          const rows = graph ? figureRows(graph) : tableRows(table);
          save(rows.map((row) => row.map(quoted).join(",")).join("\n") + "\n", "text/csv", id.name + ".csv");
        } else if (id.format === "pdf" && graph) {
          pdfOf(graph, id.name).then((data) => save(data, "application/pdf", id.name + ".pdf"), failed);
        } else if (graph) {
          picture(graph, id).catch(failed);
        }
        return window.dash_clientside.no_update;
      },
    },
  });
})();
