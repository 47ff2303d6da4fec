"""The documentation and the benchmark's report in a browser.

``.ci/site`` builds the pages and runs these tests. They need Chromium with its driver and
``pip install 'skdeepad[site]'``.
"""

import importlib.util
import shutil
import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
SITE = REPOSITORY / "doc" / "_build" / "html"
REPORT = REPOSITORY / "skdeepad-benchmark" / "report.html"
PAGES = [
    "index.html",
    "user_guide/flow.html",
    "user_guide/faq.html",
    "user_guide/symbols.html",
    "api/index.html",
    "generated/skdeepad.AutoEncoder.html",
    "generated/skdeepad.metrics.anomaly_roc_auc.html",
    "auto_examples/index.html",
    "plot_from_table_to_alarms.html",
    "report",
]
WITH_FORMULAS = ["user_guide/flow.html", "generated/skdeepad.AutoEncoder.html"]
PROGRAMS = ["chromium", "chromium-browser", "google-chrome"]
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--no-first-run",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost",
]
#: What a page loads from anywhere but its own server.
ELSEWHERE = """
return performance.getEntriesByType("resource").map(entry => entry.name)
    .filter(name => !name.startsWith(location.origin) && !name.startsWith("data:"));
"""
#: Boxes that the reader would have to scroll sideways, the whole page or its text.
TOO_WIDE = """
return [document.documentElement, ...document.querySelectorAll(".bd-article-container")]
    .filter(box => box.scrollWidth > box.clientWidth)
    .map(box => [box.className, box.scrollWidth, box.clientWidth]);
"""
#: Elements of which something is cut off and can't be scrolled to.
CUT_OFF = """
return [...document.querySelectorAll("article pre, article table, article .math, article dt")]
    .filter(element => {
        for (let box = element; box && box.tagName != "ARTICLE"; box = box.parentElement)
            if (["auto", "scroll"].includes(getComputedStyle(box).overflowX)) return false;
        return element.getBoundingClientRect().right > innerWidth;
    }).map(element => element.outerHTML.slice(0, 200));
"""
FORMULAS = """
const formulas = [...document.querySelectorAll(".math")];
const drawn = formulas.filter(formula => {
    const picture = formula.querySelector("mjx-container svg");
    return picture && picture.getBoundingClientRect().width > 0;
});
return [formulas.length, drawn.length, document.querySelectorAll("[data-mjx-error]").length];
"""

pytestmark = pytest.mark.slow


class Quiet(SimpleHTTPRequestHandler):
    """Serves files without a log."""

    def log_message(self, *args):
        """Say nothing."""


@pytest.fixture(scope="module")
def address():
    """Address of the built pages."""
    if not (SITE / "index.html").exists():
        pytest.skip(f"needs the built pages in {SITE}")
    with ThreadingHTTPServer(("localhost", 0), partial(Quiet, directory=SITE)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://localhost:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    """Chromium, without a network beyond this machine."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="needs skdeepad[site]")
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    driver = shutil.which("chromedriver")
    if not (program and driver):
        pytest.skip("needs chromium and chromedriver (Debian: chromium, chromium-driver)")
    options = webdriver.ChromeOptions()
    options.binary_location = program
    profile = f"--user-data-dir={tmp_path_factory.mktemp('profile')}"
    for flag in [*FLAGS, profile]:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    with webdriver.Chrome(options, webdriver.ChromeService(driver)) as browser:
        yield browser


def wait_until(browser, condition):
    from selenium.webdriver.support.ui import WebDriverWait

    WebDriverWait(browser, 20).until(condition)


@pytest.fixture
def open_page(browser, address):
    """Open a page on a screen of a width, and wait until it is complete."""

    def open_page(page, width=1300, mode="light"):
        screen = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
        features = [{"name": "prefers-color-scheme", "value": mode}]
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        browser.get_log("browser")
        if page == "report" and not REPORT.exists():
            pytest.skip("needs a report, which skdeepad-benchmark writes")
        if page.startswith("plot_"):  # examples are in folders
            page = next((SITE / "auto_examples").rglob(page)).relative_to(SITE).as_posix()
        browser.get(REPORT.as_uri() if page == "report" else f"{address}/{page}")
        wait_until(
            browser,
            lambda browser: browser.execute_async_script("""
                const done = arguments[0];
                const math = window.MathJax?.startup?.promise;
                if (document.readyState != "complete") done(false);
                else if (math) math.then(() => done(true));
                else done(!document.querySelector("script[src*='tex-svg']"));
            """),
        )
        return browser

    return open_page


def errors(browser):
    return [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]


@pytest.mark.parametrize("width", [390, 1300])
@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_complete_without_a_network_and_fits_the_screen(open_page, page, width):
    browser = open_page(page, width)
    assert errors(browser) == []
    assert browser.execute_script(ELSEWHERE) == []
    assert browser.execute_script(TOO_WIDE) == []
    assert browser.execute_script(CUT_OFF) == []


@pytest.mark.parametrize("page", WITH_FORMULAS)
def test_formulas_are_drawn(open_page, page):
    n_formulas, n_drawn, n_errors = open_page(page).execute_script(FORMULAS)
    assert n_formulas == n_drawn > 3
    assert n_errors == 0


def test_a_line_of_code_of_100_characters_fits_beside_the_sidebars(open_page):
    browser = open_page("user_guide/flow.html")
    room, needed = browser.execute_script("""
        const pre = document.querySelector("article pre");
        pre.textContent = "x".repeat(100);
        return [pre.clientWidth, pre.scrollWidth];
    """)
    assert needed <= room


@pytest.mark.parametrize(("mode", "is_dark"), [("light", False), ("dark", True)])
def test_pages_follow_the_choice_of_light_or_dark(open_page, mode, is_dark):
    browser = open_page("user_guide/flow.html", mode=mode)
    background, text = browser.execute_script("""
        const style = getComputedStyle(document.body);
        return [style.backgroundColor, style.color].map(
            color => color.match(/[0-9.]+/g).slice(0, 3).reduce((sum, x) => sum + Number(x), 0)
        );
    """)
    assert (background < text) == is_dark


def test_a_search_finds_the_page_about_thresholds(open_page):
    browser = open_page("search.html?q=threshold")
    hits = "return [...document.querySelectorAll('#search-results li a')].map(a => a.pathname)"
    wait_until(browser, lambda browser: len(browser.execute_script(hits)) >= 10)
    assert "/user_guide/thresholds.html" in browser.execute_script(hits)[:10]
    assert errors(browser) == []


@pytest.mark.usefixtures("address")
def test_a_detectors_page_has_the_summary_first_and_what_is_shared_last():
    page = (SITE / "generated" / "skdeepad.VAE.html").read_text()
    article = page[page.index("<article") : page.index("</article>")]
    order = [
        "<h1>VAE",
        "Variational autoencoder, which scores rows",
        'class="sig ',
        "[source]",
        ">Parameters<",
        "<strong>likelihood</strong>",
        ">Parameters shared with other detectors<",
        "<strong>max_epochs</strong>",
        "<h2>Methods of VAE",
        'id="skdeepad.VAE.sample"',
        "<h2>Methods of all detectors",
        'id="skdeepad.VAE.fit"',
        "<h2>Methods of scikit-learn",
        "get_params",
        "<h2>Examples using VAE",
        'class="sphx-glr-thumbcontainer"',
    ]
    places = [article.find(text) for text in order]
    assert -1 not in places
    assert places == sorted(places)


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("VAE", "class VAE("),
        ("VAE.score_samples", "def score_samples("),
        ("VAE.offset_", "def offset_("),
        ("default_detector", "def default_detector("),
    ],
)
def test_links_to_the_repository_lead_to_the_lines_of_the_source(monkeypatch, name, line):
    pytest.importorskip("sphinx-mathjax-offline", reason="needs skdeepad[docs]")
    monkeypatch.setattr(sys, "path", [*sys.path])
    spec = importlib.util.spec_from_file_location("conf", REPOSITORY / "doc" / "conf.py")
    conf = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(conf)
    conf.REPOSITORY = "https://example.org/skdeepad"
    address = conf.linkcode_resolve("py", {"module": "skdeepad", "fullname": name})
    path, lines = address.split("/skdeepad/", 2)[2].split("#L")
    first, last = map(int, lines.split("-L"))
    source = (REPOSITORY / "skdeepad" / path).read_text().splitlines()[first - 1 : last]
    assert any(text.strip().startswith(line) for text in source[:3])
    assert conf.linkcode_resolve("py", {"module": "skdeepad", "fullname": "VAE.no_such"}) is None
