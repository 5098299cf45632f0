/* The collapse: curves move by alpha times their p0, in the browser, while the slider moves. */
(function () {
  "use strict";
  const PAPER = 0.5;

  /* The server's figure is at alpha = 0; a trace with a p0 moves, the threshold stays. */
  function moved(trace, alpha) {
    const p0 = trace.meta && trace.meta.initial_dilution;
    if (!p0 || !Array.isArray(trace.x)) return trace;
    return Object.assign({}, trace, { x: trace.x.map((x) => (x === null ? x : x - alpha * p0)) });
  }

  window.dash_clientside = Object.assign({}, window.dash_clientside, {
    collapse: {
      draw: function (alpha, base) {
        const none = window.dash_clientside.no_update;
        const caption = "alpha = " + Number(alpha ?? 0).toFixed(2);
        if (!base || !base.data) return [none, caption];
        return [Object.assign({}, base, { data: base.data.map((trace) => moved(trace, alpha ?? 0)) }), caption];
      },
      /* A button's alpha. The fit is taken when it arrives, unless the address already says an alpha. */
      choose: function (toFitted, toZero, toPaper, fitted) {
        const none = window.dash_clientside.no_update;
        const known = typeof fitted === "number" ? Math.round(fitted * 100) / 100 : none;
        switch (window.dash_clientside.callback_context.triggered_id) {
          case "collapse-to-zero":
            return 0;
          case "collapse-to-paper":
            return PAPER;
          case "collapse-to-fitted":
            return known;
          default:
            return new URLSearchParams(window.location.search).has("alpha") ? none : known;
        }
      },
    },
  });
})();
