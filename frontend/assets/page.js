/* What pages do without asking the server: addresses, titles, and the sample browser. */
(function () {
  "use strict";
  const NOTHING = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7";
  const PRELOAD_LEVELS = 15;
  const preloaded = new Set();

  /* The explorer is a document of its own; every other page is a part of this one. */
  function visit(href) {
    if (/^\/(\?|$)/.test(href)) {
      window.location.assign(href);
      return;
    }
    window.history.pushState({}, "", href);
    window.dispatchEvent(new CustomEvent("_dashprivate_pushstate"));
    window.scrollTo(0, 0);
  }

  function replaceSearch(search) {
    const query = search.toString();
    window.history.replaceState(window.history.state, "", window.location.pathname + (query ? "?" + query : ""));
  }

  function sheet(cell) {
    return cell ? "/api/v1/cells/" + cell + "/samples.png?columns=8&count=64" : NOTHING;
  }

  function thumbnail(cell) {
    return cell ? "/api/v1/cells/" + cell + "/samples.png?columns=3&count=9" : NOTHING;
  }

  function cellAt(index, p0, level, replica) {
    return (((index.cells || {})[p0] || {})[level] || {})[replica];
  }

  /* What a p0 shows at a level: its own cell; below its p0 its lowest level, since pruning brings nothing back. */
  function shownAt(index, p0, level, replica) {
    const cell = cellAt(index, p0, level, replica);
    const lowest = index.levels.find((one) => (index.cells[p0] || {})[one]);
    if (cell || lowest === undefined || Number(level) >= Number(lowest)) {
      return { cell: cell, words: cell ? "p = " + level : "not there yet" };
    }
    return { cell: cellAt(index, p0, lowest, replica), words: "p = " + lowest + ", its lowest" };
  }

  function preload(index, place, replica) {
    const near = index.levels.slice(Math.max(0, place - PRELOAD_LEVELS), place + PRELOAD_LEVELS + 1);
    index.p0s.forEach((p0) =>
      near.forEach((level) => {
        const address = sheet(cellAt(index, p0, level, replica));
        if (address === NOTHING || preloaded.has(address)) return;
        preloaded.add(address);
        new Image().src = address;
      }),
    );
  }

  function searchWith(inputs, defaults) {
    const search = new URLSearchParams(window.location.search);
    inputs.forEach((input) => {
      const name = input.id.split("-").pop();
      const value = input.value === true ? "1" : input.value === false ? "" : String(input.value ?? "");
      if (value === "" || value === String((defaults || {})[name] ?? "")) search.delete(name);
      else search.set(name, value);
    });
    replaceSearch(search);
    return search;
  }

  function showTab() {
    const here = document.querySelector(".tabs [aria-selected=true]");
    if (here) here.scrollIntoView({ inline: "center", block: "nearest" });
  }

  document.addEventListener("click", (event) => {
    const thumb = event.target.closest && event.target.closest("[data-level-index]");
    if (!thumb) return;
    window.dash_clientside.set_props("study-level", { value: Number(thumb.dataset.levelIndex) });
  });

  /* What controls remembered is in the address, but not in the router's hands: a link to the page where one is would
     change the address and leave the page. So it is loaded anew. */
  document.addEventListener(
    "click",
    (event) => {
      const link = event.target.closest && event.target.closest(".nav a");
      if (link && link.pathname === window.location.pathname && window.location.search) event.stopPropagation();
    },
    true,
  );

  window.dilutionLab = { visit: visit };
  window.dash_clientside = Object.assign({}, window.dash_clientside, {
    page: {
      /* Controls to the address, so that a reload and a shared link show the same view. A control's name in the
         address is the last word of its id; the last argument holds the defaults, which stay out of it. */
      remember: function () {
        searchWith(window.dash_clientside.callback_context.inputs_list, arguments[arguments.length - 1]);
        return window.dash_clientside.no_update;
      },
      rememberValues: searchWith,
      /* A tab, and the address as it is now: what the other tabs remembered stays in it. */
      openTab: function (tab, defaults) {
        const search = searchWith(window.dash_clientside.callback_context.inputs_list, defaults);
        window.requestAnimationFrame(showTab); // on a phone the tabs are wider than the page
        return { tab: tab, search: search.toString() };
      },
      /* A click on a point leads to the address that it carries: the second of its custom data. */
      follow: function (click) {
        const point = click && click.points && click.points[0];
        const href = point && Array.isArray(point.customdata) ? point.customdata[1] : null;
        if (href) visit(href);
        return window.dash_clientside.no_update;
      },
      followAny: function () {
        const click = window.dash_clientside.callback_context.triggered[0];
        return window.dash_clientside.page.follow(click && click.value);
      },
      /* A command of the queue's table: the log opens here, what changes something goes through the dialog. */
      queueCommand: function (asked) {
        const none = window.dash_clientside.no_update;
        if (!asked) return [none, none];
        return asked.action === "log" ? [none, asked.id] : [asked, none];
      },
      openLog: function (job) {
        const same = window.dash_clientside.no_update;
        return job ? [true, "Log", null] : [false, same, same]; // it slides away with what it says
      },
      closeLog: function (opened, job) {
        if (opened === false && job) window.dash_clientside.set_props("queue-job", { data: "" });
        return window.dash_clientside.no_update;
      },
      /* Which figure's making is asked for, with the address as it is now. */
      askMaking: function () {
        const clicked = window.dash_clientside.callback_context.triggered[0];
        if (!clicked || !clicked.value) return window.dash_clientside.no_update;
        const id = JSON.parse(clicked.prop_id.split(".")[0]);
        const here = { search: window.location.search, href: window.location.href, click: Date.now() };
        return Object.assign(here, { tab: id.tab, part: id.part });
      },
      visit: function (href) {
        if (href) visit(href);
        return window.dash_clientside.no_update;
      },
      /* The picture of a machine's hidden units: as many in a row as the page is wide. */
      fields: function (by, units, machine, defaults) {
        searchWith(window.dash_clientside.callback_context.inputs_list, defaults);
        if (!machine) return window.dash_clientside.no_update;
        const columns = window.innerWidth < 640 ? 10 : 20;
        const query = new URLSearchParams({ order: by, count: units, columns: columns });
        return "/api/v1/machines/" + machine + "/filters.png?" + query;
      },
      replace: function (query) {
        if (typeof query === "string") replaceSearch(query);
        return window.dash_clientside.no_update;
      },
      arrive: function (title, pathname) {
        if (title) document.title = title;
        document.querySelectorAll(".nav a").forEach((link) => {
          const here = pathname === link.getAttribute("href");
          if (here) link.setAttribute("aria-current", "page");
          else link.removeAttribute("aria-current");
        });
        window.requestAnimationFrame(showTab);
        return window.dash_clientside.no_update;
      },
      /* Which pictures to show at a level: sheets, thumbnails, a caption, and where we are. */
      samples: function (place, replica, index, sheetIds, thumbIds) {
        const none = window.dash_clientside.no_update;
        if (!index || !index.levels || !index.levels.length) {
          const untouched = sheetIds.map(() => none);
          return [untouched, untouched, thumbIds.map(() => none), none, none];
        }
        const at = Math.min(Math.max(place ?? 0, 0), index.levels.length - 1);
        const level = index.levels[at];
        const chosen = String(replica ?? index.replicas[0]);
        preload(index, at, chosen);
        document.querySelectorAll("[data-level-index]").forEach((cell) =>
          cell.classList.toggle("here", Number(cell.dataset.levelIndex) === at),
        );
        const shown = sheetIds.map((id) => shownAt(index, id.p0, level, chosen));
        return [
          shown.map((one) => sheet(one.cell)),
          shown.map((one) => one.words),
          thumbIds.map((id) => thumbnail(cellAt(index, id.p0, id.level, chosen))),
          "p = " + level,
          { p: at ? level : null, replica: chosen },
        ];
      },
      /* The sample browser's place in the address. */
      rememberSamples: function (at) {
        if (!at) return window.dash_clientside.no_update;
        const search = new URLSearchParams(window.location.search);
        if (at.p === null) search.delete("p");
        else search.set("p", at.p);
        if (at.replica === "0") search.delete("replica");
        else search.set("replica", at.replica);
        replaceSearch(search);
        return window.dash_clientside.no_update;
      },
    },
  });
})();
