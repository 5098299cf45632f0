/* One stream of server-sent events for each tab. What comes in is gathered, and handed to the page at most
   four times a second as the store "live": {seq, reset, events}. EventSource connects again by itself. */
(function () {
  "use strict";
  const SPACING_MS = 250;
  const POLL_MS = 4000; // while the stream is down, pages refetch so often
  let seq = 0;
  let gathered = [];
  let reset = false;
  let timer = null;
  let last = 0;
  let poll = null;
  let opened = false;

  function flush() {
    timer = null;
    last = Date.now();
    seq += 1;
    const data = { seq: seq, reset: reset, events: gathered };
    gathered = [];
    reset = false;
    window.dash_clientside.set_props("live", { data: data });
  }

  function schedule() {
    if (timer === null) timer = setTimeout(flush, Math.max(0, last + SPACING_MS - Date.now()));
  }

  function everything() {
    reset = true;
    schedule();
  }

  function take(message) {
    try {
      gathered.push(JSON.parse(message.data));
    } catch (error) {
      return everything();
    }
    schedule();
  }

  /* While the server was away a part of the page's own code may have failed to load, or a question that no tick asks
     again. Then the page is loaded anew when the server is back: its address has the whole state. A form that is being
     filled in stays as it is. */
  const RELOAD_SPACING_MS = 10000;
  const RELOADED = "dilution-lab-reloaded";
  const ASKED_AGAIN = /^(live\.data|[a-z-]+-(tick|busy)\.data|[a-z-]+-clock\.n_intervals)$/;
  let codeMissing = false;
  let questionLost = false;

  function recover() {
    if (!codeMissing && !(questionLost && !document.getElementById("new-name"))) return false;
    if (Date.now() - Number(window.sessionStorage.getItem(RELOADED)) < RELOAD_SPACING_MS) {
      setTimeout(() => whenAnswering(recover), RELOAD_SPACING_MS);
      return false;
    }
    window.sessionStorage.setItem(RELOADED, String(Date.now()));
    window.location.reload();
    return true;
  }

  window.addEventListener(
    "error",
    (event) => {
      const failed = event.target;
      if (!(failed instanceof HTMLScriptElement || failed instanceof HTMLLinkElement)) return;
      codeMissing = true;
      if (opened && poll === null) setTimeout(() => whenAnswering(recover), SPACING_MS);
    },
    true,
  );

  function whenAnswering(act) {
    fetch("/api/v1/health").then(act, () => setTimeout(() => whenAnswering(act), POLL_MS));
  }

  function lost(body) {
    try {
      const asked = JSON.parse(body).changedPropIds;
      if (asked.length === 0 || !asked.every((one) => ASKED_AGAIN.test(one))) questionLost = true;
    } catch (error) {
      questionLost = true;
    }
  }

  const ask = window.fetch;
  window.fetch = function (resource, options) {
    const answer = ask.apply(window, arguments);
    if (String(resource).includes("_dash-update-component")) {
      answer.then(
        (response) => [502, 504].includes(response.status) && lost(options && options.body),
        () => lost(options && options.body),
      );
    }
    return answer;
  };

  const BANNER_MS = 3000;
  let banner = null;

  function showBanner(away) {
    clearTimeout(banner);
    const box = document.getElementById("offline");
    if (!box || !away) {
      banner = null;
      if (box) box.hidden = true;
    } else banner = setTimeout(() => (box.hidden = false), BANNER_MS);
  }

  function connected(state) {
    const mark = document.getElementById("live-mark");
    if (mark) mark.dataset.state = state;
    if (mark) mark.title = state === "on" ? "Live updates are on" : "No connection to the laboratory: trying again";
  }

  function listen() {
    const source = new EventSource("/api/v1/events");
    ["message", "study", "job", "worker", "machine"].forEach((name) => source.addEventListener(name, take));
    source.addEventListener("reset", everything);
    source.onopen = function () {
      clearInterval(poll);
      poll = null;
      if (recover()) return;
      connected("on");
      showBanner(false);
      // Something may have been missed while it was away, or since the page that is there was made.
      if (opened || document.querySelector("#page h1")) everything();
      opened = true;
    };
    source.onerror = function () {
      connected("off");
      if (banner === null) showBanner(true);
      poll = poll || setInterval(everything, POLL_MS);
      if (source.readyState === EventSource.CLOSED) setTimeout(listen, POLL_MS);
    };
    window.addEventListener("pagehide", () => source.close(), { once: true });
  }

  function start() {
    if (window.dash_clientside && window.dash_clientside.set_props && document.getElementById("live-mark")) listen();
    else setTimeout(start, 100);
  }
  start();
  window.addEventListener("pageshow", (event) => event.persisted && listen());

  function concerns(event, scope) {
    if ((scope.kinds || []).includes(event.kind)) return true;
    return Boolean(scope.study) && (event.study_id === scope.study || event.id === scope.study);
  }

  const waiting = {};
  const BUSY_MS = 4000; // a question that a dying server never answered leaves its page "busy": ask again after this
  let busySince = null;

  function occupied(busy) {
    if (!busy) busySince = null;
    else if (busySince === null) busySince = Date.now();
    return busy && Date.now() - busySince < BUSY_MS;
  }

  window.dash_clientside = Object.assign({}, window.dash_clientside, {
    live: {
      /* A tick for a page whose scope was touched. While the page is busy fetching, ticks wait: an answer that
         comes after the next question would be thrown away, and a busy study would never be redrawn. */
      gate: function (batch, busy, drawing, scope) {
        const context = window.dash_clientside.callback_context;
        const key = JSON.stringify(scope);
        const touched = batch && (batch.reset || batch.events.some((event) => concerns(event, scope)));
        const byBatch = context.triggered.some((one) => one.prop_id.startsWith("live."));
        if (byBatch && touched) waiting[key] = true;
        if (!waiting[key]) return window.dash_clientside.no_update;
        if (occupied(busy || drawing)) {
          setTimeout(schedule, BUSY_MS);
          return window.dash_clientside.no_update;
        }
        delete waiting[key];
        busySince = null;
        return Date.now();
      },
    },
  });
})();
