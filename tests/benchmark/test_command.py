"""The command from its arguments to the files it leaves."""

import shlex
import subprocess
import sys
from importlib.metadata import entry_points

import numpy as np
import pandas as pd
import pytest
from markupsafe import escape

from skdeepad.benchmark.__main__ import main


@pytest.fixture
def files(tmp_path):
    """Six small data sets, enough for a critical-difference diagram."""
    rng = np.random.default_rng(0)
    paths = []
    for i in range(6):
        y = np.arange(80) < 8
        table = pd.DataFrame(rng.normal(size=(80, 3)) + (1 + i) * y[:, None], columns=list("abc"))
        paths.append(tmp_path / f"set{i}.csv")
        table.assign(bad=y.astype(int)).to_csv(paths[-1], index=False)
    return list(map(str, paths))


def command(*arguments):
    return main([*arguments, "--quiet", "--n-jobs", "1"])


def test_from_files_to_a_report(files, tmp_path, capsys):
    out = tmp_path / "out"
    arguments = ["--datasets", *files, "--label-column", "bad", "--output", str(out)]
    arguments += ["--detectors", "Norm", "ECOD", "pyod.KNN(n_neighbors=3)", "--seeds", "1"]
    arguments += ["--protocols", "adbench", "leak-free", "--metrics", "roc_auc"]
    arguments += ["--reference", "Norm"]
    assert command(*arguments) == 0
    text = capsys.readouterr().out
    assert "roc_auc (%), protocol leak-free, 6 data sets" in text
    assert "pyod.KNN(n_neighbors=3)" in text
    names = {path.name for path in out.iterdir()}
    pictures = {
        f"{picture}-roc_auc-{protocol}.svg"
        for picture in ("boxes", "critical-difference", "time-quality")
        for protocol in ("adbench", "leak-free")
    }
    assert names - {"results.csv.lock"} == pictures | {
        *("results.csv", "summary.csv", "summary.md", "report.html"),
    }
    html = (out / "report.html").read_text(encoding="utf-8")
    assert html.count("<svg") == len(pictures)
    assert "set0 †" in html
    assert html.count("<span>p value</span>") == html.count("Differences are from Norm") == 2
    again = ["skdeepad-benchmark", *arguments, "--quiet", "--n-jobs", "1"]
    assert f"<pre><code>{escape(shlex.join(again))}</code></pre>" in html
    summary = pd.read_csv(out / "summary.csv", index_col="detector")
    assert len(summary) == 2 * 3
    assert (summary.loc["Norm", "difference"] == 0).all()
    assert (summary.loc["ECOD", "difference_low"] <= summary.loc["ECOD", "difference"]).all()
    assert command(*arguments) == 0  # nothing is left to run, the report is made again


def test_failures_are_reported_and_do_not_stop_it(files, tmp_path, capsys):
    arguments = ["--datasets", files[0], "--label-column", "bad", "--output", str(tmp_path / "out")]
    arguments += ["--detectors", "Norm", "pyod.KNN(n_neighbors=100000)", "--seeds", "1"]
    assert command(*arguments, "--format", "parquet") == 1  # after the report
    assert "1 of 2 runs failed" in capsys.readouterr().out
    html = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "1 run of 2 failed" in html
    assert "pyod.KNN(n_neighbors=100000)" in html
    assert "set0, adbench, seed 1" in html


def test_mistakes_end_it_with_one_line(capsys):
    with pytest.raises(SystemExit) as stop:
        command("--detectors", "IForrest")
    assert stop.value.code == 2
    assert capsys.readouterr().err.startswith("skdeepad-benchmark: detectors='IForrest'")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--time-limit", "-1"], "time_limit=-1.0: pass a positive finite number"),
        (["--seeds", "-1"], "seeds=[-1]: pass an integer from 0"),
        (["--reference", "ECOD"], "reference='ECOD' is none of the detectors: ['Norm']"),
        (["--datasets", "broken.npz"], "cannot be read as .npz, it may be damaged"),
    ],
)
def test_what_is_not_accepted_ends_it_with_one_line(arguments, message, tmp_path, capsys):
    if "broken.npz" in arguments:
        (tmp_path / "broken.npz").write_bytes(b"PK\x03\x04 and no more")
        arguments = ["--datasets", str(tmp_path / "broken.npz")]
    with pytest.raises(SystemExit) as stop:
        command(*arguments, "--detectors", "Norm", "--output", str(tmp_path / "out"))
    assert stop.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line


def test_protocols_with_labels_are_accepted_and_others_named(files, tmp_path, capsys):
    arguments = ["--datasets", files[5], "--label-column", "bad", "--output", str(tmp_path / "out")]
    arguments += ["--detectors", "LogisticRegression", "--seeds", "1", "--protocols"]
    assert command(*arguments, "adbench-25%") == 0
    assert "roc_auc (%), protocol adbench-25%, 1 data sets" in capsys.readouterr().out
    with pytest.raises(SystemExit) as stop:
        command(*arguments, "adbench-half")
    assert stop.value.code == 2
    assert "protocols='adbench-half'" in capsys.readouterr().err


def test_names_are_listed(capsys):
    assert command("--list") == 0
    listed = capsys.readouterr().out
    assert "pyod.AutoEncoder" in listed
    assert "LogisticRegression" in listed
    assert "Waveform" in listed


def test_it_is_a_module():
    done = subprocess.run(
        [sys.executable, "-m", "skdeepad.benchmark", "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "--self-test" in done.stdout
    assert "exit status:" in done.stdout


def test_the_command_without_its_packages_says_what_it_needs(monkeypatch, capsys):
    for name in [name for name in sys.modules if name.startswith("skdeepad.benchmark")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "pandas", None)
    (script,) = entry_points(group="console_scripts", name="skdeepad-benchmark")
    assert script.load()() == 2
    assert capsys.readouterr().err.startswith("skdeepad-benchmark: skdeepad.benchmark needs pandas")


def test_an_output_that_is_a_file_is_refused(files, capsys):
    with pytest.raises(SystemExit) as ended:
        command("--datasets", *files, "--label-column", "bad", "--output", files[0])
    assert ended.value.code == 2
    assert f"--output {files[0]} is a file" in capsys.readouterr().err


def test_without_what_the_report_needs_nothing_runs(monkeypatch, files, tmp_path, capsys):
    monkeypatch.setattr("skdeepad.benchmark._report.find_spec", lambda name: None)
    with pytest.raises(SystemExit) as ended:
        command("--datasets", *files, "--label-column", "bad", "--output", str(tmp_path / "out"))
    assert ended.value.code == 2
    assert "needs jinja2: pip install 'skdeepad[benchmark]'" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
