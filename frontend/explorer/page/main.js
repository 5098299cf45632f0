/* The explorer: joins address, controls, panels and the API. */

import { readAddress, writeAddress } from "./address.js";
import * as api from "./api.js";
import { colours } from "./colours.js";
import { Pad } from "./pad.js";
import { Panel } from "./panel.js";
import { Picker } from "./picker.js";

const AGAIN_AFTER = 3000;
const REMEMBER_AFTER = 250;
const LEAD_DIGITS = 64;

const element = (id) => document.getElementById(id);
const app = {
  state: { ...readAddress(location.search), paused: false },
  palette: colours(),
  digits: null,
  digitDistance: null,
  machines: [],
  panels: [],
  firstFrame() {
    if (document.documentElement.dataset.ready) return;
    document.documentElement.dataset.ready = "true";
    performance.mark("interactive");
    loadDigits();
    showLeadingStudy();
  },
};
const pickers = [
  new Picker(element("picker-first"), "Machine", (info) => chooseMachine(0, info), () => app.machines),
  new Picker(element("picker-second"), "Beside it", (info) => chooseMachine(1, info), () => app.machines),
];
const pad = new Pad(element("pad"), () => {
  app.state.held = pad.numHeld ? pad.pixels : null;
  holdEverywhere();
  remember();
});
let rememberTimer = 0;
let againTimer = 0;

function remember() {
  clearTimeout(rememberTimer);
  rememberTimer = setTimeout(() => history.replaceState(null, "", location.pathname + writeAddress(app.state)), REMEMBER_AFTER);
}

function say(error, again) {
  const box = element("problem");
  box.hidden = !error;
  if (!error) return;
  const text = document.createElement("span");
  text.textContent = error.message;
  const button = document.createElement("button");
  button.className = "button";
  button.textContent = "Try again";
  button.addEventListener("click", again);
  box.replaceChildren(text, button);
  clearTimeout(againTimer);
  if (error.status === 0) againTimer = setTimeout(again, AGAIN_AFTER); // it may come back by itself
}

async function begin() {
  try {
    app.machines = (await api.zoo()).sort((a, b) => a.initial_dilution - b.initial_dilution);
    const first = app.state.machine ? await find(app.state.machine) : await usualMachine();
    say(null);
    if (!first) return showEmpty();
    if (app.state.p === null) app.state.p = first.initial_dilution;
    showControls();
    await showMachines([first, app.state.other && (await find(app.state.other))]);
  } catch (error) {
    say(error, begin);
  }
}

const find = async (id) => app.machines.find((one) => one.id === id) ?? api.machine(id);

/* The sparsest machine of the zoo: it is the smallest to send. Without a zoo, the newest machine. */
async function usualMachine() {
  return app.machines.at(-1) ?? (await api.named(""))[0];
}

async function showMachines(infos) {
  const wanted = infos.filter(Boolean);
  while (app.panels.length > wanted.length) app.panels.pop().remove();
  while (app.panels.length < wanted.length) app.panels.push(new Panel(element("panels"), app));
  element("panels").classList.toggle("two", wanted.length === 2);
  element("picker-second").hidden = wanted.length < 2;
  element("compare").setAttribute("aria-pressed", String(wanted.length === 2));
  pickers.forEach((picker, at) => picker.show(wanted[at]));
  await Promise.all(wanted.map((info, at) => (app.panels[at].info?.id === info.id && app.panels[at].machine ? null : app.panels[at].load(info))));
  app.panels.forEach((panel) => panel.prune());
}

async function chooseMachine(at, info) {
  app.state[at ? "other" : "machine"] = info.id;
  remember();
  try {
    await app.panels[at].load(info);
    app.panels[at].prune();
    say(null);
  } catch (error) {
    say(error, () => chooseMachine(at, info));
  }
}

async function toggleCompare() {
  const [first] = app.panels;
  if (!first?.info) return;
  const second = app.panels.length === 2 ? null : (app.machines.find((one) => one.id !== first.info.id) ?? first.info);
  app.state.machine = first.info.id;
  app.state.other = second ? second.id : null;
  remember();
  try {
    await showMachines([first.info, second]);
    requestAnimationFrame(() => app.panels.forEach((panel) => panel.machine && panel.paintPlots()));
  } catch (error) {
    say(error, () => showMachines([first.info, second]).then(() => say(null), (again) => say(again, begin)));
  }
}

function showEmpty() {
  const box = document.createElement("div");
  box.className = "card empty-curve";
  box.innerHTML = `<span>No machine yet: the explorer needs one that was trained.</span><a class="button" href="/studies/new">New study</a>`;
  element("panels").replaceChildren(box);
}

/* The slider's value follows p; everything is painted before the event is over. */
function setPruning(p) {
  app.state.p = Math.min(1, Math.max(0, Math.round(p * 1000) / 1000));
  showPruning();
  for (const panel of app.panels) panel.prune();
  remember();
}

function showPruning() {
  element("pruning").value = app.state.p;
  element("pruning-value").textContent = `p = ${app.state.p.toFixed(3)}`;
  element("pruning").setAttribute("aria-valuetext", `p = ${app.state.p}`);
}

function setRule(rule) {
  app.state.rule = rule;
  choose("rule", rule);
  for (const panel of app.panels) panel.prune();
  remember();
}

function choose(group, value) {
  for (const button of element(group).querySelectorAll("[role='radio']")) {
    const is = button.dataset.value === String(value);
    button.setAttribute("aria-checked", String(is));
    button.tabIndex = is ? 0 : -1;
  }
}

/* A group of buttons of which one is chosen, by click or by arrow keys. */
function radio(group, act) {
  const box = element(group);
  box.addEventListener("click", (event) => {
    const button = event.target.closest("[role='radio']");
    if (button) act(button.dataset.value);
  });
  box.addEventListener("keydown", (event) => {
    const change = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!change) return;
    event.preventDefault();
    event.stopPropagation();
    const buttons = [...box.querySelectorAll("[role='radio']")];
    const next = buttons[(buttons.indexOf(document.activeElement) + change + buttons.length) % buttons.length];
    next.focus();
    act(next.dataset.value);
  });
}

async function setStart(start) {
  app.state.start = start;
  element("start").value = start;
  if (start === "data") await loadDigits();
  restart();
  remember();
}

function restart() {
  for (const panel of app.panels) panel.restart();
}

function setPaused(paused) {
  app.state.paused = paused;
  element("pause").textContent = paused ? "Go on" : "Pause";
  for (const panel of app.panels) panel.changeSettings();
}

function step() {
  if (!app.state.paused) setPaused(true);
  for (const panel of app.panels) panel.step();
}

function holdEverywhere() {
  pad.paint(app.palette);
  element("held").textContent = pad.numHeld ? `${pad.numHeld} pixels are held.` : "No pixel is held.";
  for (const panel of app.panels) panel.hold();
}

async function halfDigit() {
  await loadDigits();
  if (!app.digits) return;
  app.nextDigit = ((app.nextDigit ?? -1) + 1) % (app.digits.length / 784);
  pad.holdUpperHalf(app.digits.subarray(app.nextDigit * 784, (app.nextDigit + 1) * 784));
  restart();
}

async function loadDigits() {
  if (app.digits) return;
  try {
    app.digits = await api.testDigits();
    app.digitDistance = meanDistance(app.digits, LEAD_DIGITS);
  } catch (error) {
    say(error, loadDigits);
  }
}

/* The mean number of pixels in which two of the first digits differ. */
function meanDistance(pixels, count) {
  let apart = 0;
  for (let pixel = 0; pixel < 784; pixel += 1) {
    let on = 0;
    for (let digit = 0; digit < count; digit += 1) on += pixels[digit * 784 + pixel];
    apart += on * (count - on);
  }
  return apart / ((count * (count - 1)) / 2);
}

/* One line about a study that runs or ran, with the way to it. */
async function showLeadingStudy() {
  const studies = await api.studies().catch(() => []);
  const study = studies.find((one) => one.state === "running") ?? studies.find((one) => one.state === "done") ?? studies[0];
  if (!study) return;
  const box = element("leading");
  const text = document.createElement("span");
  text.textContent = `Study “${study.name}” is ${study.state}.`;
  const link = document.createElement("a");
  link.href = `/studies/${study.id}`;
  link.textContent = "Its curves and figures";
  box.replaceChildren(text, link);
  box.hidden = false;
}

function setTheme(choice, known) {
  const [chosen] = window.dash_clientside.theme.choose(choice, known);
  choose("theme-choice", chosen);
}

function showControls() {
  const { state } = app;
  showPruning();
  choose("rule", state.rule);
  element("start").value = state.start;
  element("show").value = state.show;
  element("seed").value = state.seed;
  for (const [id, value] of [["speed", state.speed], ["chains", state.chains]]) {
    if (![...element(id).options].some((option) => option.value === String(value))) element(id).add(new Option(String(value), String(value)));
    element(id).value = String(value);
  }
  pad.set(state.held);
  holdEverywhere();
}

function connect() {
  const on = (id, kind, act) => element(id).addEventListener(kind, act);
  on("pruning", "input", (event) => setPruning(Number(event.target.value)));
  on("pause", "click", () => setPaused(!app.state.paused));
  on("step", "click", step);
  on("restart", "click", restart);
  on("compare", "click", toggleCompare);
  on("start", "change", (event) => setStart(event.target.value));
  on("speed", "change", (event) => {
    app.state.speed = Number(event.target.value);
    for (const panel of app.panels) panel.changeSettings();
    remember();
  });
  on("chains", "change", (event) => {
    app.state.chains = Number(event.target.value);
    restart();
    remember();
  });
  on("show", "change", (event) => {
    app.state.show = event.target.value;
    for (const panel of app.panels) panel.changeSettings();
    remember();
  });
  on("seed", "change", (event) => {
    app.state.seed = Math.min(2 ** 32 - 1, Math.max(0, Math.floor(Number(event.target.value) || 0)));
    event.target.value = app.state.seed;
    restart();
    remember();
  });
  on("half-digit", "click", halfDigit);
  on("hold-top", "click", () => pad.holdBlank((row) => row < 14));
  on("hold-left", "click", () => pad.holdBlank((row, column) => column < 14));
  on("release", "click", () => pad.release());
  radio("rule", setRule);
  radio("theme-choice", (choice) => setTheme(choice, true));
  radio("brush", (value) => {
    pad.brush = Number(value);
    choose("brush", value);
  });
  choose("brush", 1);
  setTheme("auto", null);
  connectKeys();
  new MutationObserver(repaint).observe(document.documentElement, { attributeFilter: ["data-mantine-color-scheme"] });
  window.addEventListener("pagehide", () => history.replaceState(null, "", location.pathname + writeAddress(app.state)));
}

function repaint() {
  app.palette = colours();
  pad.paint(app.palette);
  for (const panel of app.panels) panel.repaint();
}

function connectKeys() {
  const move = (event, key) => setPruning(app.state.p + (key === "ArrowRight" ? 1 : -1) * (event.shiftKey ? 0.1 : 0.01));
  const themes = ["light", "dark", "auto"];
  const shortcuts = [
    [["ArrowLeft", "ArrowRight"], "prune less or more by 0.01; with shift by 0.1", move],
    [["1", "2", "3"], "smallest weights, random ones, per hidden unit", (_, key) => setRule(["magnitude", "random", "hidden_unit"][key - 1])],
    [[" "], "pause or go on", () => setPaused(!app.state.paused)],
    [["."], "one Gibbs step", step],
    [["r"], "begin the chains again", restart],
    [["d"], "start from test digits or from noise", () => setStart(app.state.start === "data" ? "noise" : "data")],
    [["c"], "compare two machines, or show one", toggleCompare],
    [["h"], "hold half a test digit", halfDigit],
    [["x"], "hold nothing", () => pad.release()],
    [["f"], "more hidden units", () => app.panels.forEach((panel) => panel.turnFilters(1))],
    [["t"], "light, dark, as the system", () => {
      const now = element("theme-choice").querySelector("[aria-checked='true']").dataset.value;
      setTheme(themes[(themes.indexOf(now) + 1) % 3], true);
    }],
    [["/"], "search a machine", () => {
      pickers[0].input.focus();
      pickers[0].search("");
    }],
  ];
  window.dilutionLabKeys.add("The explorer", shortcuts);
}

connect();
app.panels.push(new Panel(element("panels"), app));
if (app.state.start === "data") loadDigits().then(begin);
else begin();
