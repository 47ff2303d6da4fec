"""The page of a report, as text and in a browser."""

import html
import re
import shutil
import subprocess
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

from skdeepad.benchmark import write_report

DETECTORS = ("A", "B", "C", "D", "$e_1$ <b>")


@pytest.fixture(scope="module")
def results():
    """Six data sets, of which one is leaky, and a detector that fails on two of them."""
    rng = np.random.default_rng(0)
    rows = [
        {
            "dataset": f"set{i}",
            "detector": name,
            "params": "",
            "protocol": "adbench",
            "seed": seed,
            "n_train": 1400,
            "n_test": 600,
            "n_features": 7,
            "anomaly_share": 0.05,
            "twin_share": 0.5 if i == 0 else 0.0,
            "roc_auc": 70 + 4 * place + 5 * rng.normal(),
            "average_precision": 30 + 4 * place + 5 * rng.normal(),
            "fit_time": 10.0 ** (place - 3),
            "score_time": 0.01,
            "peak_memory_mb": 2.0,
            "status": "ok",
            "error": "",
            "versions": '{"python": "3.12.1", "skdeepad": "0.1.0", "torch": "2.13.0+cpu"}',
        }
        for i in range(6)
        for seed in (1, 2)
        for place, name in enumerate(DETECTORS)
    ]
    table = pd.DataFrame(rows)
    failed = table["dataset"].isin(["set4", "set5"]) & (table["detector"] == "A")
    table.loc[failed, ["roc_auc", "average_precision", "fit_time", "score_time"]] = np.nan
    table.loc[failed, "status"] = "error"
    table.loc[failed, "error"] = [f"ValueError: {i} rows are too few" for i in range(4)]
    return table


@pytest.fixture(scope="module")
def page(results, tmp_path_factory):
    return write_report(results, tmp_path_factory.mktemp("report"))


@pytest.fixture(scope="module")
def text(page):
    return page.read_text(encoding="utf-8")


def test_it_is_one_file_that_needs_no_network(text):
    assert re.findall(r"<(?:link|img|iframe|object)\b|\bsrc=|@import", text) == []
    addresses = set(re.findall(r"https?://[^\s\"'<)]+", text))
    assert {re.sub(r"^https?://www\.w3\.org/.*", "w3", address) for address in addresses} <= {"w3"}
    assert {link for link in re.findall(r'href="(.*?)"', text) if link[0] != "#"} == set()


def test_ids_are_unique_and_every_reference_has_one(text):
    ids = re.findall(r'\bid="(.*?)"', text)
    assert len(ids) == len(set(ids))
    targets = re.findall(r'href="#(.*?)"|url\(#(.*?)\)', text)
    assert {first or second for first, second in targets} <= set(ids)


def test_pictures_are_svg_that_scale_and_take_the_colours_of_the_page(page, text):
    pictures = re.findall(r"<svg.*?</svg>", text, re.DOTALL)
    assert len(pictures) == 2 * 2  # no test of differences: four data sets were finished by all
    for picture in pictures:
        head = picture[: picture.index(">")]
        assert "viewBox" in head
        assert not re.search(r"\b(width|height)=", head)
        assert "var(--accent)" in picture
        assert "#000000" not in picture
    files = sorted(page.parent.glob("*.svg"))
    assert len(files) == len(pictures)
    for path in files:
        assert ElementTree.parse(path).getroot().get("width")
        assert "$e_1$ &lt;b&gt;" in path.read_text(encoding="utf-8")  # text, and no formula


def test_the_same_results_make_the_same_page(results, text, tmp_path):
    assert write_report(results, tmp_path).read_text(encoding="utf-8") == text


def test_every_figure_says_over_how_many_data_sets_it_is(text):
    words = html.unescape(re.sub(r"<.*?>", " ", text.replace("\N{NO-BREAK SPACE}", " ")))
    for title, n in (("mean, %", 6), ("mean without †, %", 5), ("mean rank", 6), ("wins", 6)):
        assert re.search(rf"{title}\s+of {n} sets", words), title
    assert "on 6 data sets: its mean rank is" in words
    assert "too few for a test" in words
    assert "it needs 1 more data set that" in " ".join(words.split())
    captions = re.findall(r"<figcaption>(.*?)</figcaption>", text)
    assert all("6 data sets" in caption for caption in captions)


def test_the_verdict_names_what_a_test_does_not_tell_apart(results, tmp_path):
    finished = results[results["detector"] != "A"]
    many = [finished.assign(dataset=finished["dataset"] + f"-{i}") for i in range(3)]
    report = write_report(pd.concat(many), tmp_path).read_text(encoding="utf-8")
    assert "ranks first of 4 detectors by ROC AUC on 18 data sets" in report
    assert re.search(r"A test (does not tell|tells) it apart from", report)
    assert "critical-difference-roc_auc-adbench.svg" in {path.name for path in tmp_path.iterdir()}


def test_each_data_set_can_be_opened(text):
    parts = re.findall(r"<details><summary>(.*?)</summary>(.*?)</details>", text, re.DOTALL)
    opened = {html.unescape(re.search("<strong>(.*?)</strong>", a)[1]): b for a, b in parts[:6]}
    assert list(opened) == ["set0 †", *(f"set{i}" for i in range(1, 6))]
    assert "1,400 training rows, 600 test rows, 7 columns, 5.0% of the test rows" in opened["set1"]
    assert len(re.findall(r"\d\.\d\d<small>\d+\.\d–\d+\.\d</small>", opened["set1"])) == 5 * 2
    assert ">0 of 2</td>" in opened["set4"]


def test_failures_with_one_cause_are_told_once_with_every_place(text):
    table = text[text.index('id="failed"') : text.index('id="again"')]
    assert "4 runs of 60 failed" in table
    assert table.count('<th scope="row">') == 1
    for place in ("set4, adbench, seed 1", "set5, adbench, seed 2"):
        assert place in table
    assert "3 rows are too few" in table
    assert "The detector raised this error" in table


def test_it_says_how_to_run_it_again(text, results, tmp_path):
    assert "pip install &#39;skdeepad[benchmark]==0.1.0&#39; torch==2.13.0</code>" in text
    assert "run_benchmark" in text[text.index('id="again"') :]
    report = write_report(results, tmp_path, command="skdeepad-benchmark --seeds '1'")
    assert "skdeepad-benchmark --seeds &#39;1&#39;" in report.read_text(encoding="utf-8")


def test_a_detector_that_failed_everywhere_is_the_best_nowhere(results, tmp_path):
    failed = results.assign(status="error", roc_auc=np.nan, peak_memory_mb=0.1, detector="F")
    report = write_report(pd.concat([results, failed]), tmp_path).read_text(encoding="utf-8")
    row = re.search(r'<tr><th scope="row">F</th>.*?</tr>', report)[0]
    assert "best" not in row


# In a browser -------------------------------------------------------------------------------

SCRIPT = """
<script>
const heads = [...document.querySelectorAll("table.sortable")][0].tHead.rows[0].cells;
const names = () => [...document.querySelectorAll("table.sortable")[0].tBodies[0].rows]
  .map(row => row.cells[0].textContent).join(",");
const seen = [names(), heads[4].getAttribute("aria-sort")];
const column = [...heads].findIndex(head => head.textContent.startsWith("fit"));
for (let i = 0; i < 2; i++) {
  heads[column].querySelector("button").click();
  seen.push(names(), heads[column].getAttribute("aria-sort"));
}
seen.push(document.documentElement.scrollWidth <= innerWidth);
dispatchEvent(new Event("beforeprint"));
seen.push(document.querySelectorAll("details:not([open])").length);
dispatchEvent(new Event("afterprint"));
seen.push(document.querySelectorAll("details[open]").length);
document.body.textContent = seen.join("|");
</script>
"""


@pytest.mark.parametrize("width", [390, 1300])
def test_a_browser_sorts_its_tables_opens_all_to_print_and_scrolls_down_alone(
    page, text, width, tmp_path
):
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("there is no Chromium")
    copy = tmp_path / "report.html"
    copy.write_text(text.replace("</body>", SCRIPT + "</body>"), encoding="utf-8")
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
    options += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
    options += [f"--user-data-dir={tmp_path / 'profile'}", f"--window-size={width},900"]
    done = subprocess.run(
        [browser, *options, "--dump-dom", copy.as_uri()], capture_output=True, text=True, timeout=90
    )
    body = html.unescape(re.search(r"<body>\s*(.*?)\s*</body>", done.stdout, re.DOTALL)[1])
    before, by_rank, down, descending, up, ascending, fits, closed, opened = body.split("|")
    assert before.startswith("$e_1$ <b>,")
    assert by_rank == "ascending"
    assert (down, descending) == ("$e_1$ <b>,D,C,B,A", "descending")
    assert (up, ascending) == ("A,B,C,D,$e_1$ <b>", "ascending")
    assert (fits, closed, opened) == ("true", "0", "0")
