/* The table of machines: the grid asks for the rows that are seen, and the API sorts and filters them. Filters and order
   are in the address. */
(function () {
  "use strict";
  const TABLE = "machines-table";
  const LOOK_MS = 400;
  const SOON_MS = 20;
  const BOUNDS = { p0min: "first_dilution_min", p0max: "first_dilution_max", pmin: "dilution_min", pmax: "dilution_max" };
  const UNITS = [[1e9, "GB"], [1e6, "MB"], [1e3, "kB"]];
  let shown = null; // filters and labels of the rows in the table

  function size(bytes) {
    const found = UNITS.find(([unit]) => bytes >= unit);
    if (!found) return bytes + " B";
    const value = bytes / found[0];
    return (value >= 9.95 ? value.toFixed(0) : String(Number(value.toFixed(1)))) + " " + found[1];
  }

  function row(machine, labels) {
    return {
      id: machine.id,
      name: machine.name,
      href: "/machines/" + machine.id,
      machine_class: labels[machine.machine_class] || machine.machine_class.replaceAll("_", " "),
      first_dilution: Number(machine.first_dilution.toPrecision(4)),
      dilution: Number(machine.initial_dilution.toPrecision(4)),
      hidden: machine.num_hidden,
      study: machine.study_name || "",
      from: machine.study_id ? "/studies/" + machine.study_id : null,
      origin: machine.origin,
      size: size(machine.size_bytes),
      created: machine.created_at.slice(0, 16).replace("T", " "),
    };
  }

  /* The filters of the controls, in the words of the API. */
  function asked(inputs, study) {
    const query = new URLSearchParams();
    inputs.forEach((input) => {
      const name = input.id.split("-").pop();
      const value = input.value ?? "";
      if (value === "" || value === "all" || name === "tick") return;
      query.set(BOUNDS[name] || (name === "class" ? "machine_class" : name), value);
    });
    if (study) query.set("study_id", study);
    return query;
  }

  function say(text, failed) {
    const note = document.getElementById("machines-note");
    if (!note) return;
    note.textContent = text;
    note.classList.toggle("failed", Boolean(failed));
  }

  function count(total, filtered) {
    if (total === 0) return filtered ? "No machine fits: widen the filters" : "No machine here yet";
    const words = total.toLocaleString("en") + (total === 1 ? " machine" : " machines");
    return filtered ? words + " found" : words;
  }

  function rememberOrder(sort, order, defaults) {
    const search = new URLSearchParams(window.location.search);
    const usual = sort === defaults.sort && order === defaults.order;
    if (usual) ["sort", "order"].forEach((name) => search.delete(name));
    else Object.entries({ sort: sort, order: order }).forEach(([name, value]) => search.set(name, value));
    window.dash_clientside.page.replace(search.toString());
  }

  async function read(address) {
    const answer = await fetch(address).catch(() => null);
    if (answer === null) throw new Error("The laboratory does not answer. Is it still running? Start it with: make run");
    const found = await answer.json().catch(() => ({}));
    if (!answer.ok) throw new Error(found.detail || "The laboratory refused: " + answer.status);
    return found;
  }

  function source(view) {
    return {
      getRows: async function (params) {
        view.asked = true;
        const { colId: sort, sort: order } = params.sortModel[0] || { colId: view.defaults.sort, sort: view.defaults.order };
        if (view === shown) rememberOrder(sort, order, view.defaults);
        const place = { sort: sort, order: order, skip: params.startRow, limit: params.endRow - params.startRow };
        try {
          const page = await read("/api/v1/machines?" + new URLSearchParams([...view.query, ...Object.entries(place)]));
          params.successCallback(page.items.map((machine) => row(machine, view.labels)), page.total);
          if (view !== shown) return;
          say(count(page.total, view.query.size > 0));
        } catch (error) {
          params.failCallback();
          if (view === shown) say(error.message, true);
        }
      },
    };
  }

  function current() {
    try {
      return document.getElementById(TABLE) && window.dash_ag_grid.getApi(TABLE);
    } catch (error) {
      return null; // not drawn yet
    }
  }

  /* Gives the grid its rows. A page that is drawn twice has a second grid, and the component gives each one a source of
     its own when it is ready: so look until ours was asked, often while a table waits. */
  function attach() {
    const grid = shown && current();
    if (!grid || (grid === shown.grid && (shown.asked || Date.now() - shown.given < LOOK_MS))) return;
    Object.assign(shown, { grid: grid, given: Date.now(), asked: false });
    grid.setGridOption("datasource", source(shown));
  }
  let looking;
  function look() {
    clearTimeout(looking);
    attach();
    const waits = shown && !shown.asked && document.getElementById(TABLE);
    looking = setTimeout(look, waits ? SOON_MS : LOOK_MS);
  }

  function show(view) {
    const same = shown && shown.asked && shown.grid === current() && shown.query.toString() === view.query.toString();
    if (same) {
      shown.grid.refreshInfiniteCache(); // the same rows, read anew where they are
      return;
    }
    shown = view;
    look();
  }

  window.dash_clientside = Object.assign({}, window.dash_clientside, {
    machines: {
      show: function () {
        const [study, labels, defaults] = Array.from(arguments).slice(-3);
        const inputs = window.dash_clientside.callback_context.inputs_list;
        window.dash_clientside.page.rememberValues(inputs.slice(0, -1), defaults);
        show({ query: asked(inputs, study), labels: labels || {}, defaults: defaults });
        return window.dash_clientside.no_update;
      },
    },
  });
})();
