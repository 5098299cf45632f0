"""The explorer as a reader uses it: in a real browser, against a real web process with the starter zoo."""

import re
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from backend.storage.repositories.artifacts import StoredArtifact, add_artifact
from backend.storage.repositories.machines import add_machine
from tests.web import Web

# The pixels of a canvas, read from a copy: the browser warns when the page's own canvas is read often.
READ = """const read = (selector) => {
  const canvas = document.querySelector(selector);
  const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext('2d', { willReadFrequently: true });
  copy.drawImage(canvas, 0, 0);
  return copy.getImageData(0, 0, canvas.width, canvas.height);
};
"""
MASK = """() => {
  %s
  const words = new Uint32Array(read('.mask').data.buffer);
  const counts = new Map();
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
  return { pixels: words.length, pruned: counts.get(%s) ?? 0, missing: counts.get(%s) ?? 0 };
}"""
WHITE, GREY = 0xFFFFFFFF, 0xFFEAE6E3  # pruned and missing weights of the light theme, as words
PICTURE = f"(selector) => {{ {READ} return Array.from(read(selector).data).join(); }}"
NUM_WEIGHTS = 784 * 400


def opened(page: Page, query: str = "") -> Page:
    page.goto(f"/{query}")
    expect(page.locator("html")).to_have_attribute("data-ready", "true")
    return page


def mask_of(page: Page) -> dict[str, int]:
    found: dict[str, int] = page.evaluate(MASK % (READ, WHITE, GREY))
    assert found["pixels"] == NUM_WEIGHTS
    return found


def steps_of(page: Page, panel: int = 0) -> int:
    return int(page.locator(".chains").nth(panel).get_attribute("data-steps") or -1)


def paused(page: Page) -> None:
    """Pause, and wait until the last frames are drawn."""
    page.locator("#pause").click()
    page.wait_for_timeout(300)


def picture(page: Page, selector: str) -> str:
    found: str = page.evaluate(PICTURE, selector)
    return found


def test_the_first_page_shows_a_machine_of_the_zoo_that_draws(explorer: Page) -> None:
    opened(explorer)
    expect(explorer.locator(".machine-name")).to_have_text("Paper's schedule, p0 = 0.8")
    expect(explorer.locator("#pruning-value")).to_have_text("p = 0.800")
    before = steps_of(explorer)
    expect(explorer.locator(".chains")).not_to_have_attribute("data-steps", str(before))
    expect(explorer.locator(".chains-note")).to_contain_text("64 chains")
    expect(explorer.locator(".spectrum-note")).to_contain_text("Marchenko-Pastur")
    expect(explorer.locator(".words")).to_contain_text("nothing is pruned up to p = 0.8")
    expect(explorer.locator(".curves-note")).to_have_text(
        re.compile(r"Quality.* = 0\.9\d+ here\. 21 levels, 1,000 samples after 1,000 Gibbs steps from noise\.")
    )
    explorer.get_by_text("Random", exact=True).click()
    expect(explorer.locator(".curves-note")).to_contain_text("11 levels")
    explorer.get_by_role("link", name="This machine's page").click()
    expect(explorer).to_have_title("Paper's schedule, p0 = 0.8 · Dilution Lab")
    for name, href in {"Studies": "/studies", "New study": "/studies/new", "Machines": "/machines"}.items():
        expect(explorer.get_by_role("link", name=name, exact=True)).to_have_attribute("href", href)


def test_dragging_prunes_exactly_as_many_weights_before_the_event_is_over(explorer: Page, web: Web) -> None:
    """Kills: a mask that is painted later, a count that is one off, weights that do not come back."""
    opened(explorer, f"?m={web.machines()[0.4]}")
    missing = mask_of(explorer)["missing"]
    assert abs(missing / NUM_WEIGHTS - 0.4) < 0.01
    slider = explorer.locator("#pruning")
    box = slider.bounding_box()
    assert box
    explorer.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + box["height"] / 2)
    explorer.mouse.down()
    for share in (0.6, 0.7, 0.9, 0.8):
        explorer.mouse.move(box["x"] + share * box["width"], box["y"] + box["height"] / 2)
        expect(explorer.locator("#pruning-value")).not_to_have_text("p = 0.400")
        p = float(slider.input_value())
        assert abs(p - share) < 0.02
        found = mask_of(explorer)
        assert found["missing"] == missing
        assert found["pruned"] + missing == round(p * NUM_WEIGHTS)
    explorer.mouse.up()
    drawn = f"() => document.querySelector('.spectrum').dataset.pruned === '{round(p * NUM_WEIGHTS)}'"
    explorer.wait_for_function(drawn)
    at_once = """() => {
      const slider = document.getElementById('pruning');
      slider.value = 1;
      slider.dispatchEvent(new Event('input'));
      return (%s)();
    }"""
    assert explorer.evaluate(at_once % (MASK % (READ, WHITE, GREY)))["pruned"] == NUM_WEIGHTS - missing
    expect(explorer.locator(".words")).to_contain_text("No weight is left")


def test_the_address_keeps_everything_and_restores_it(explorer: Page, web: Web) -> None:
    machines = web.machines()
    opened(explorer, f"?m={machines[0.6]}&p=0.75&r=h&n=16&s=9&d=1&v=2&g=1")
    expect(explorer.locator(".machine-name")).to_have_text("Paper's schedule, p0 = 0.6")
    expect(explorer.locator("#pruning-value")).to_have_text("p = 0.750")
    expect(explorer.get_by_role("radio", name="Per unit")).to_have_attribute("aria-checked", "true")
    values = {"chains": "16", "seed": "9", "start": "data", "speed": "2", "show": "states"}
    for control, value in values.items():
        expect(explorer.locator(f"#{control}")).to_have_value(value)
    explorer.locator("#seed").fill("12")
    explorer.locator("#seed").press("Enter")
    explorer.get_by_role("radio", name="Random").click()
    explorer.locator("#start").select_option("noise")
    expect(explorer).to_have_url(re.compile(rf"\?m={machines[0.6]}&p=0.75&r=r&n=16&s=12&v=2&g=1$"))
    explorer.reload()
    expect(explorer.get_by_role("radio", name="Random")).to_have_attribute("aria-checked", "true")
    expect(explorer.locator("#seed")).to_have_value("12")
    assert len(explorer.url) < 120
    opened(explorer, "?p=7&r=z&n=-1&s=x&k=!!&m=ZZ")  # what makes no sense is as usual
    expect(explorer.locator("#pruning-value")).to_have_text("p = 0.800")
    expect(explorer.locator("#chains")).to_have_value("64")


def test_the_same_seed_draws_the_same_pictures(explorer: Page) -> None:
    opened(explorer, "?n=16&s=3&v=2")
    paused(explorer)

    def after(steps: int) -> str:
        explorer.locator("#restart").click()
        for _ in range(steps):
            explorer.locator("#step").click()
        expect(explorer.locator(".chains")).to_have_attribute("data-steps", str(steps))
        return picture(explorer, ".chains")

    first = after(3)
    assert after(3) == first
    assert after(2) != first
    explorer.locator("#seed").fill("4")
    explorer.locator("#seed").press("Enter")
    assert after(3) != first


def test_half_a_drawn_digit_is_kept_by_every_chain(explorer: Page) -> None:
    opened(explorer, "?n=16&g=1")
    pad = explorer.locator("#pad")
    pad.scroll_into_view_if_needed()
    box = pad.bounding_box()
    assert box
    explorer.mouse.move(box["x"] + 60, box["y"] + 40)
    explorer.mouse.down()
    explorer.mouse.move(box["x"] + 160, box["y"] + 40, steps=4)
    explorer.mouse.up()
    explorer.locator("#hold-top").click()
    expect(explorer.locator("#held")).to_have_text("392 pixels are held.")
    explorer.wait_for_timeout(500)
    held = (
        "() => {"
        + READ
        + """
      const image = read('.chains');
      const words = new Uint32Array(image.data.buffer);
      const halves = (from) => Array.from({ length: 16 }, (_, chain) => {
        const corner = Math.floor(chain / 4) * 30 * image.width + (chain % 4) * 30;
        return Array.from({ length: 14 * 28 }, (_, at) =>
          words[corner + (from + Math.floor(at / 28)) * image.width + at % 28]).join();
      });
      return [new Set(halves(0)).size, new Set(halves(14)).size, new Set(halves(0)[0].split(',')).size];
    }"""
    )
    upper, lower, colours = explorer.evaluate(held)
    assert (upper, colours) == (1, 2), "the same half in all chains, of ink and blank"
    assert lower > 8, "the other half is drawn by each chain"
    expect(explorer).to_have_url(re.compile("k="))
    drawn = picture(explorer, "#pad")
    explorer.reload()
    expect(explorer.locator("#held")).to_have_text("392 pixels are held.")
    assert picture(explorer, "#pad") == drawn
    explorer.locator("#half-digit").click()
    expect(explorer.locator(".words")).to_contain_text("keep the pixels that you drew")
    assert picture(explorer, "#pad") != drawn
    explorer.locator("#release").click()
    expect(explorer.locator("#held")).to_have_text("No pixel is held.")
    expect(explorer).not_to_have_url(re.compile("k="))


def test_two_machines_side_by_side_follow_one_slider(explorer: Page, web: Web) -> None:
    machines = web.machines()
    opened(explorer, f"?m={machines[0.0]}&b={machines[0.8]}&p=0.9")
    expect(explorer.locator(".machine-name")).to_have_text(["Paper's schedule, p0 = 0", "Paper's schedule, p0 = 0.8"])
    expect(explorer.locator(".words").nth(1)).to_contain_text("31,360 of 313,600 weights remain")
    explorer.locator("#pruning").press("End")
    expect(explorer.locator(".words").nth(0)).to_contain_text("No weight is left")
    expect(explorer.locator(".words").nth(1)).to_contain_text("No weight is left")
    second = explorer.get_by_role("combobox", name="Beside it")
    second.click()
    second.fill("0.2")
    expect(explorer.locator(".picker [role=option]:visible")).to_have_count(1)
    second.press("Enter")
    expect(explorer.locator(".machine-name").nth(1)).to_have_text("Paper's schedule, p0 = 0.2")
    expect(explorer).to_have_url(re.compile(f"b={machines[0.2]}"))
    explorer.get_by_role("button", name="Compare").click()
    expect(explorer.locator(".machine-name")).to_have_text(["Paper's schedule, p0 = 0"])
    expect(explorer).not_to_have_url(re.compile("b="))


def test_the_keyboard_does_everything_and_says_how(explorer: Page) -> None:
    opened(explorer)
    keyboard = explorer.keyboard
    keyboard.press("?")
    dialog = explorer.get_by_role("dialog")
    expect(dialog).to_contain_text("begin the chains again")
    keyboard.press("ArrowRight")  # not while the list is open
    keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(explorer.locator("#pruning-value")).to_have_text("p = 0.800")
    keyboard.press("ArrowRight")
    keyboard.press("Shift+ArrowRight")
    expect(explorer.locator("#pruning-value")).to_have_text("p = 0.910")
    keyboard.press("2")
    expect(explorer.get_by_role("radio", name="Random")).to_have_attribute("aria-checked", "true")
    keyboard.press("Space")
    expect(explorer.locator("#pause")).to_have_text("Go on")
    explorer.wait_for_timeout(300)
    before = steps_of(explorer)
    keyboard.press(".")
    expect(explorer.locator(".chains")).to_have_attribute("data-steps", str(before + 1))
    keyboard.press("r")
    expect(explorer.locator(".chains")).to_have_attribute("data-steps", "0")
    keyboard.press("c")
    expect(explorer.locator(".machine-name")).to_have_count(2)
    keyboard.press("c")
    expect(explorer.locator(".machine-name")).to_have_count(1)
    keyboard.press("d")
    expect(explorer.locator("#start")).to_have_value("data")
    keyboard.press("h")
    expect(explorer.locator("#held")).to_have_text("392 pixels are held.")
    keyboard.press("x")
    expect(explorer.locator("#held")).to_have_text("No pixel is held.")
    keyboard.press("f")
    expect(explorer.locator(".filters-range")).to_have_text("49 to 96 of 400")
    keyboard.press("/")
    expect(explorer.locator(".picker [role=option]:visible")).to_have_count(5)
    keyboard.type("r 0.8")  # letters go into the field
    expect(explorer.locator(".chains")).not_to_have_attribute("data-steps", "-1")
    keyboard.press("Escape")
    expect(explorer.locator("#picker-first-input")).to_have_value("Paper's schedule, p0 = 0.8")


def test_a_theme_is_kept_and_leaves_nothing_of_the_other(explorer: Page) -> None:
    opened(explorer, "?p=0.95")
    background = "() => getComputedStyle(document.body).backgroundColor"
    white_share = "() => { const found = (%s)(); return found.pruned / found.pixels; }" % (MASK % (READ, WHITE, GREY))
    assert explorer.evaluate(background) == "rgb(247, 248, 250)"
    assert explorer.evaluate(white_share) > 0.1
    explorer.get_by_role("radio", name="Dark").click()
    assert explorer.evaluate(background) == "rgb(18, 20, 24)"
    explorer.wait_for_timeout(300)
    assert explorer.evaluate(white_share) == 0
    paused(explorer)
    assert str(255) * 3 not in picture(explorer, ".chains").replace(",", "")[:3000]
    explorer.goto("/studies")
    expect(explorer.locator("html")).to_have_attribute("data-mantine-color-scheme", "dark")
    opened(explorer)
    expect(explorer.get_by_role("radio", name="Dark")).to_have_attribute("aria-checked", "true")
    explorer.get_by_role("radio", name="As the system").click()
    explorer.emulate_media(color_scheme="dark")
    explorer.emulate_media(color_scheme="light")
    expect(explorer.locator("html")).to_have_attribute("data-mantine-color-scheme", "light")


def contrast(page: Page, selector: str) -> float:
    """The least contrast of the texts of some elements against what is behind them."""
    found: float = page.evaluate(
        """(selector) => {
          const channels = (text) => text.match(/[0-9.]+/g).map(Number);
          const light = (colour) => {
            const [r, g, b] = colour.map((one) => one / 255).map((one) =>
              one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4);
            return 0.2126 * r + 0.7152 * g + 0.0722 * b;
          };
          const behind = (node) => {
            for (let at = node; at; at = at.parentElement) {
              const colour = getComputedStyle(at).backgroundColor;
              if (colour.startsWith('rgb(')) return channels(colour);
            }
            return [255, 255, 255];
          };
          const shown = [...document.querySelectorAll(selector)].filter((node) => node.offsetParent);
          return Math.min(...shown.map((node) => {
            const [high, low] = [light(channels(getComputedStyle(node).color).slice(0, 3)), light(behind(node))]
              .sort((a, b) => b - a);
            return (high + 0.05) / (low + 0.05);
          }));
        }""",
        selector,
    )
    return found


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_it_is_readable_on_wide_and_narrow_screens(explorer: Page, web: Web, scheme: Any, width: int) -> None:
    """Kills: a page that is wider than the screen, grey on grey (AA asks for 4.5 to 1)."""
    explorer.set_viewport_size({"width": width, "height": 844})
    explorer.emulate_media(color_scheme=scheme)
    opened(explorer, f"?b={web.machines()[0.0]}&p=0.9")
    assert explorer.evaluate("document.documentElement.scrollWidth") <= width
    texts = ".note, .label, .lead, h1, h2, .words p, .nav a, .segmented button, .button, select, figcaption, .footer"
    assert contrast(explorer, texts) >= 4.5


def test_a_file_that_is_damaged_is_said_to_be(explorer: Page, web: Web, errors: list[str]) -> None:
    data = b"not a machine"
    digest = web.lab.artifacts.put(data)
    with web.lab.database.write() as session:
        add_artifact(session, StoredArtifact(digest, "machine", len(data)))
        add_machine(
            session, key=digest, name="Damaged <b>", origin="imported", initial_dilution=0.0, num_visible=784,
            num_hidden=400, parameters={}, provenance={}, artifact_digest=digest,
        )  # fmt: skip
    opened(explorer)
    field = explorer.get_by_role("combobox", name="Machine")
    field.click()
    field.fill("damaged")
    explorer.get_by_role("option", name="Damaged <b>").click()
    expect(explorer.get_by_role("alert")).to_contain_text("is no machine")
    errors.clear()  # the browser reports the refused request


def test_files_are_compressed_and_kept_for_ever_and_the_page_is_asked_anew(web: Web) -> None:
    page = httpx.get(web.url)
    assert page.headers["cache-control"] == "no-cache"
    assert "default-src 'self'" in page.headers["content-security-policy"]
    assert httpx.get(web.url, headers={"If-None-Match": page.headers["etag"]}).status_code == 304
    names = set(re.findall(r'"(/explorer/[^"]+)"', page.text))
    assert len(names) > 15
    for name in names:
        answer = httpx.get(web.url + name)
        assert answer.headers["content-encoding"] == "gzip", name
        assert "immutable" in answer.headers["cache-control"], name
        plain = httpx.get(web.url + name, headers={"Accept-Encoding": "identity"})
        assert plain.content == answer.content
    assert httpx.get(web.url + re.sub("[0-9a-f]{16}", "0" * 16, min(names))).status_code == 404
    assert httpx.get(f"{web.url}/explorer/..%2f..%2fsettings.py").status_code == 404
    moved = httpx.get(f"{web.url}/explorer?p=0.9")
    assert (moved.status_code, moved.headers["location"]) == (308, "/?p=0.9")


def test_an_empty_shelf_says_what_to_do(browser: Browser, tmp_path: Path) -> None:
    empty = Web(tmp_path, zoo=False)
    page = browser.new_page(base_url=empty.url)
    page.goto("/")
    expect(page.locator("#panels")).to_contain_text("No machine yet")
    expect(page.locator("#panels").get_by_role("link", name="New study")).to_have_attribute("href", "/studies/new")
    page.close()
    empty.close()


def test_without_an_api_the_page_says_so_and_recovers(explorer: Page, web: Web, errors: list[str]) -> None:
    """Kills: an error that stays when its cause is gone. The last test: it stops the web process."""
    explorer.context.new_cdp_session(explorer).send("Network.clearBrowserCache")  # which may have the next machine
    opened(explorer)
    field = explorer.get_by_role("combobox", name="Machine")
    field.click()
    expect(explorer.locator(".picker [role=option]:visible")).not_to_have_count(0)
    web.kill()
    explorer.get_by_role("option", name=re.compile("p0 = 0.4")).click()
    expect(explorer.get_by_role("alert")).to_contain_text("does not answer")
    expect(explorer.get_by_role("alert")).to_contain_text("make run")
    before = steps_of(explorer)
    expect(explorer.locator(".chains")).not_to_have_attribute("data-steps", str(before))
    web.start()
    expect(explorer.get_by_role("alert")).to_be_hidden()
    expect(explorer.locator(".machine-name")).to_have_text("Paper's schedule, p0 = 0.4")
    errors.clear()  # the browser reports each refused connection
