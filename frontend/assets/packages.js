/* AG Grid and Plotly, 2.2 and 1.2 MB: a page without a table or a figure does not wait for them; one that is a table or
   figures first of all begins to load them at once, while the rest of the page is made. */
(function () {
  "use strict";
  const TABLES = /^\/(queue|machines)$/;
  const FIGURES = /^\/studies\/(?!new$)./;
  const { createElement, lazy, Suspense } = window.React;
  const address = (name) => document.querySelector(`meta[name=${name}]`).content;
  const loading = {};

  function ahead(name) {
    const link = { rel: "prefetch", href: address(name), as: "script" };
    document.head.append(Object.assign(document.createElement("link"), link));
  }

  function load(name) {
    loading[name] ||= new Promise(function (done, refuse) {
      const script = document.createElement("script");
      script.src = address(name);
      script.onload = () => done();
      script.onerror = function () {
        delete loading[name];
        refuse(new Error("A part of this page could not be loaded. Reload the page."));
      };
      document.head.append(script);
    });
    return loading[name];
  }

  /* The package takes this name when it comes; what the page shows must stay of the same type, so it is taken back. */
  let grid;
  async function loadTable() {
    // The second part is asked for by the first, when it draws, unless it is there.
    await Promise.all([load("ag-grid-community"), load("ag-grid")]);
    grid ||= window.dash_ag_grid;
    window.dash_ag_grid = standIn;
    return { default: grid.AgGrid };
  }
  const Table = lazy(loadTable);
  const standIn = (window.dash_ag_grid = {
    AgGrid: (props) => createElement(Suspense, { fallback: null }, createElement(Table, props)),
    getApi: (id) => grid && grid.getApi(id),
  });

  /* Dash waits for this name as for a promise before it draws a figure; the package then takes it. Its basic bundle has
     what all figures need but those in three dimensions: the first of these loads the whole, which takes its place. */
  const BASIC = ["scatter", "bar", "pie"];
  const AGAIN_MS = 4000;
  const pause = (milliseconds) => new Promise((next) => setTimeout(next, milliseconds));
  /* Figures take turns: the browser shows one before it begins with the next. */
  let turn = Promise.resolve();
  function myTurn() {
    const mine = turn;
    turn = turn.then(() => pause(0));
    return mine;
  }

  async function loadFigures() {
    await load("plotly-basic");
    const basic = window.Plotly;
    window.Plotly = Object.assign({}, basic, {
      react: async function (graph, figure, ...more) {
        await myTurn();
        const enough = (figure.data || []).every((trace) => BASIC.includes(trace.type || "scatter"));
        if (!enough) await load("plotly");
        return (enough ? basic : window.Plotly).react(graph, figure, ...more);
      },
    });
  }
  /* A figure that waits leaves the rest of the page alone; one that could not be drawn would take it down. */
  const tryFigures = () => loadFigures().catch(() => pause(AGAIN_MS).then(tryFigures));
  let figures;
  const figuresLoaded = () => (figures ||= tryFigures());
  window.Plotly = { then: (done) => figuresLoaded().then(() => done()) };

  const path = window.location.pathname;
  /* Once its script was there, Dash asks for it no more. If it could not be loaded here, Dash tries by itself. */
  const graphLoaded = () => load("graph").catch(() => {});
  if (FIGURES.test(path)) {
    figuresLoaded();
    graphLoaded();
  }
  if (TABLES.test(path)) loadTable().catch(() => {});
  const later = ["ag-grid", "ag-grid-community", "plotly-basic"];
  window.addEventListener("load", () => {
    graphLoaded();
    later.filter((name) => !loading[name]).forEach(ahead);
  });
})();
