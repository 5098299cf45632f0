/* Cells of the tables: a link within the page, a state, a progress bar, and commands. */
(function () {
  "use strict";
  const cells = (window.dashAgGridComponentFunctions = window.dashAgGridComponentFunctions || {});
  const make = (...parts) => window.React.createElement(...parts);

  cells.PageLink = function (params) {
    const href = params.data && params.data[params.hrefField || "href"];
    if (!href) return params.value ?? "";
    function follow(event) {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      window.dilutionLab.visit(href);
    }
    return make("a", { href: href, className: "cell-link", onClick: follow, title: params.value }, params.value);
  };

  /* A job's title; where the table is too narrow for the column of states, with the state's mark. */
  cells.Job = function (params) {
    const state = params.data.state;
    return make("span", { className: "state cell-job", "data-state": state, title: params.value + ": " + state }, params.value);
  };

  cells.State = function (params) {
    return make("span", { className: "state", "data-state": params.value, title: params.data.message || undefined }, params.value);
  };

  cells.Progress = function (params) {
    const percent = Math.round(100 * (params.value || 0));
    const bar = make("span", { className: "cell-bar" }, make("span", { style: { width: percent + "%" } }));
    return make("span", { className: "cell-progress" }, bar, percent + " %");
  };

  cells.Commands = function (params) {
    const ask = (command) => ({ data: { ...command, click: Date.now() } });
    const send = (command) => window.dash_clientside.set_props("queue-command", ask(command));
    const buttons = (params.data.commands || []).map((command) =>
      make(
        "button",
        { key: command.action, type: "button", className: "cell-command", onClick: () => send(command) },
        command.label,
      ),
    );
    return make("span", { className: "cell-commands" }, buttons);
  };
})();
