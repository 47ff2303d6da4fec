"""The scripts of ``benchmarks``: their command line, their data and where they write."""

import importlib
import os
import runpy
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from skdeepad.datasets import list_adbench, list_datasets

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
STUDIES = sorted(path for path in BENCHMARKS.rglob("*.py") if not path.name.startswith("_"))
WITHOUT_FILES = {
    *("agent", "boundaries", "contributions", "devices", "export", "large", "log_det", "missing"),
    *("row_bytes", "speed", "stacked", "thresholds", "untrained"),
}


def by_name(path):
    return path.stem


@pytest.fixture
def exit_code_of(monkeypatch):
    """Run a script in this process, where no net can be trained; return what it exits with."""
    monkeypatch.setattr(torch.Tensor, "backward", None)

    def run(script, *arguments):
        monkeypatch.syspath_prepend(script.parent)
        monkeypatch.setattr(sys, "argv", [str(script), *arguments])
        with pytest.raises(SystemExit) as end:
            runpy.run_path(str(script), run_name="__main__")
        return end.value.code

    return run


@pytest.mark.parametrize("script", STUDIES, ids=by_name)
def test_a_study_answers_help(script, exit_code_of, capsys):
    assert exit_code_of(script, "--help") == 0
    assert "--output FOLDER" in capsys.readouterr().out


@pytest.mark.parametrize(
    "script", [path for path in STUDIES if path.stem not in WITHOUT_FILES], ids=by_name
)
def test_a_study_says_in_one_line_what_data_it_lacks(script, exit_code_of, monkeypatch, tmp_path):
    monkeypatch.delenv("SKDEEPAD_DATA", raising=False)
    message = exit_code_of(script)
    assert message.startswith(f"{script.name} needs ")
    assert message.endswith("SKDEEPAD_DATA names (it is not set)")
    assert "\n" not in message

    monkeypatch.setenv("SKDEEPAD_DATA", str(tmp_path))
    assert exit_code_of(script) == message.replace("it is not set", str(tmp_path))


@pytest.fixture
def sets(monkeypatch):
    """The module of the data sets."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    return importlib.import_module("_sets")


def test_no_set_is_of_two_kinds(sets):
    kinds = (sets.TUNING, sets.CHECKING_ADBENCH, sets.CHECKING_ODDBENCH)
    assert [len(kind) for kind in kinds] == [19, 9, 40]
    assert len({name.lower() for kind in kinds for name in kind}) == 19 + 9 + 40
    assert set(sets.SHIPPED) < set(sets.SMALL) < set(sets.TUNING)
    assert [name.lower() for name in sets.SHIPPED] == list_datasets()
    assert {*sets.TUNING, *sets.CHECKING_ADBENCH} < set(list_adbench())


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        (["cardio", "wdbc"], "Tables are of *tuning* sets, on which defaults are chosen."),
        (["mnist", "TreeCondition"], "Tables are of *checking* sets, which are for judging alone."),
        (
            ["mnist", "cardio", "NAB"],
            "Tables are of *tuning* sets (cardio), on which defaults are chosen, and of *checking* "
            "sets (mnist), which are for judging alone, and of data that are neither *tuning* nor "
            "*checking* sets (NAB).",
        ),
    ],
)
def test_a_page_says_of_which_kinds_its_sets_are(sets, names, sentence):
    assert sets.kinds_of(names) == sentence


def test_sets_of_either_source_are_found(sets, monkeypatch, tmp_path):
    (tmp_path / "oddbench").mkdir()
    X, y = np.eye(4, dtype=np.float32), np.array([0, 0, 0, 1], dtype=np.uint8)
    np.savez(tmp_path / "oddbench" / "TreeCondition.npz", X=X, y=y)
    monkeypatch.setenv("SKDEEPAD_DATA", str(tmp_path))
    from skdeepad.benchmark._datasets import as_datasets

    found = as_datasets(sets.data_of(["wine", "TreeCondition"]))
    assert list(found) == ["wine", "TreeCondition"]
    assert found["wine"][0].shape == (129, 13)
    assert (found["TreeCondition"][0] == X).all()
    assert found["TreeCondition"][1].tolist() == [False, False, False, True]


def test_detectors_are_judged_by_both_metrics(monkeypatch):
    from skdeepad.benchmark import run_benchmark

    monkeypatch.syspath_prepend(BENCHMARKS)
    comparison = importlib.import_module("_study").comparison
    results = run_benchmark(
        ["Norm", "pyod.HBOS"],
        ["wine", "glass", "cardio"],
        seeds=[1],
        metrics=["roc_auc", "average_precision"],
        n_jobs=1,
        time_limit=None,
        verbose=False,
    )
    table = comparison(results, "Norm")
    assert table.loc["Norm", "AUCROC, difference"] == "+0.0 (+0.0 to +0.0)"
    assert table.loc["Norm", "AUCPR, p"] == "–"
    assert table.loc["Norm", "AUCPR, sets won"] == 1.5
    of_cardio = results[results["dataset"] == "cardio"].set_index("detector")
    for metric, title in {"roc_auc": "AUCROC", "average_precision": "AUCPR"}.items():
        # wine and glass are resampled from fewer rows.
        assert (table[f"{title}, leak-free"] == of_cardio[metric].round(1)[table.index]).all()
    assert (table["failed runs"] == 0).all()


def test_a_study_without_data_exits_with_status_1(tmp_path):
    result = run_apart("papers/kdd99.py", cwd=tmp_path)
    assert result.returncode == 1
    assert len(result.stderr.splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_a_study_writes_to_its_output_and_nowhere_else(tmp_path):
    kept = contents(BENCHMARKS / "results")
    arguments = ["--output", "trial", "--n-jobs", "1", "--seeds", "1"]
    arguments += ["--sets", "wine", "--detectors", "Norm"]
    result = run_apart("labels.py", *arguments, cwd=tmp_path)
    assert result.returncode == 0, result.stderr

    written = contents(tmp_path)
    page = written.pop(Path("trial/labels-Norm.md")).decode()
    assert page in result.stdout
    assert f"`python benchmarks/labels.py {' '.join(arguments)}`: " in page
    assert " Tables are of *tuning* sets, on which defaults are chosen.\n" in page
    assert {path.parent for path in written} == {Path("trial/rows")}
    assert contents(BENCHMARKS / "results") == kept


@pytest.fixture
def image_studies(monkeypatch):
    """The module that the studies of images share."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    monkeypatch.syspath_prepend(BENCHMARKS / "papers")
    return importlib.import_module("_images")


def test_the_class_left_out_is_in_the_test_part_alone_and_no_image_in_both(image_studies):
    rows = np.arange(1000.0)[:, None]
    images = image_studies.Images("made up", rows, np.arange(1000) % 10, (1, 1, 1))
    train, test, y = image_studies.split(images, left_out=3, n_most=10_000, seed=0)
    assert (len(train), len(test), y.sum()) == (720, 180 + 100, 100)
    assert not set(train.ravel()) & set(test.ravel())
    assert (test.ravel() % 10 == 3).tolist() == (y == 1).tolist()
    assert not (train.ravel() % 10 == 3).any()
    fewer, tested, _ = image_studies.split(images, left_out=3, n_most=50, seed=0)
    assert (fewer == train[:50]).all()
    assert (tested == test[:50]).all()


def test_runs_that_are_finished_are_not_repeated(image_studies, tmp_path):
    done = []

    def run(task, images, options):
        done.append(task["seed"])
        return [task | {"score": name, "AUROC": 50.0 + task["seed"]} for name in "ab"]

    def rows_of(seeds):
        options = SimpleNamespace(output=tmp_path, n_jobs=1, seeds=seeds)
        tasks = [{"data": "made up", "variant": "–", "seed": seed} for seed in seeds]
        return image_studies.finished(tasks, run, None, options)

    assert rows_of([0, 2])["AUROC"].tolist() == [50, 50, 52, 52]
    rows = rows_of([2, 1])
    assert done == [0, 2, 1]
    assert rows["AUROC"].tolist() == [52, 52, 51, 51]
    assert image_studies.spread(rows, ["score"], "AUROC").to_dict() == {
        "a": "51.5 ± 0.7",
        "b": "51.5 ± 0.7",
    }


# Scripts of papers, their pages with ``--quick``, and what these hold.
TRIALS = {
    "boundaries": ("boundaries.md", ["| standard normal ", "| two modes "]),
    "dplan": ("dplan.md", ["| DevNet ", "| LogisticRegression "]),
    "ganomaly_ablation": ("ganomaly_ablation-mnist.md", ["| 100 (the paper) "]),
    "image_gans": (
        "image_gans-mnist.md",
        ["| PCA, 32 components ", "| AnoGAN ", "| f-AnoGAN ", "| EGBAD ", "| GANomaly "],
    ),
    "kdd99": ("kdd99.md", ["| EGBAD ", "| AnoGAN ", "| PCA, 3 components, L1 "]),
    "leave_one_out": ("leave_one_out.md", ["| IsolationForest ", "| AutoEncoder "]),
    "mnist_clustering": ("mnist_clustering.md", ["| pixels, k-means ", "| quick "]),
    "mnist_noise": ("mnist_noise.md", ["| VAE ", "| ADGM "]),
    "mnist_one_class": ("mnist_one_class.md", ["AutoEncoder (DCAE)", "| mean "]),
    "semi_supervised": ("semi_supervised.md", ["| ADGM ", "| SDGM ", "| labels alone "]),
    "three_approaches": ("three_approaches.md", ["| GANomaly ", "| DPLAN ", "| DeepClustering "]),
}


def test_every_script_of_papers_has_a_trial():
    assert set(TRIALS) == {path.stem for path in STUDIES if path.parent.name == "papers"}


@pytest.mark.slow
@pytest.mark.parametrize("script", TRIALS)
def test_a_trial_needs_no_file(script, tmp_path):
    page, parts = TRIALS[script]
    done = run_apart(f"papers/{script}.py", "--quick", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "skdeepad-benchmark" / page).read_text()
    assert text.startswith("# ")
    assert [part for part in parts if part not in text] == []


@pytest.mark.slow
def test_devices_are_compared_without_a_gpu_too(tmp_path):
    done = run_apart(
        "devices.py", "--device", "cpu", "--scale", "0.02", "--repeats", "1", cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "skdeepad-benchmark" / "devices.md").read_text()
    for case in ("VAE", "40 VAEs, trained as one", "GANomaly, DCGAN of width 64"):
        assert page.count(f"| {case} ") == 2


@pytest.mark.slow
@pytest.mark.parametrize("script", ["ganomaly_ablation", "image_gans"])
def test_a_trial_goes_on_where_it_stopped(script, tmp_path):
    written = []
    for _ in range(2):
        done = run_apart(f"papers/{script}.py", "--quick", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        written.append(contents(tmp_path))
    assert written[0] == written[1]


def run_apart(script, *arguments, cwd):
    """Run a script in a process and a folder of its own, without a folder of data."""
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}
    environment.pop("SKDEEPAD_DATA", None)
    command = [sys.executable, BENCHMARKS / script, *arguments]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True)


def contents(folder):
    """Bytes of all files in a folder, by their paths inside."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder): path.read_bytes() for path in files}
