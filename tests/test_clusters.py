"""The recipes of the page *Large data and clusters*, on a few rows."""

import re
from pathlib import Path
from textwrap import dedent

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.metrics import roc_auc_score

from skdeepad import AutoEncoder


@pytest.fixture(scope="module")
def detector(X):
    return AutoEncoder(max_epochs=3, random_state=0).fit(X)


def test_the_code_of_the_page_runs_from_top_to_bottom(X, parquet, tmp_path, monkeypatch):
    pytest.importorskip("dask_ml.wrappers", reason="needs dask-ml")
    page = Path(__file__).parents[1] / "doc" / "user_guide" / "large_data.rst"
    blocks = re.findall(r"\.\. code-block:: python\n\n((?:    .*\n|\n)+)", page.read_text())
    assert len(blocks) == 5
    monkeypatch.chdir(tmp_path)
    np.save("X.npy", X.astype(np.float32))
    Path("rows.parquet").symlink_to(parquet)
    names = {"sample": X}
    for block in blocks:
        exec(dedent(block), names)
    detector = names["detector"]
    assert_array_equal(np.load("scores/0.npy"), detector.score_samples(np.load("X.npy")))
    outliers = names["outliers"].compute()
    assert_array_equal(outliers, detector.predict(np.load("X.npy")) == -1)


# Files ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def parquet(X, tmp_path_factory):
    pa = pytest.importorskip("pyarrow", reason="needs pyarrow")
    from pyarrow.parquet import write_table

    path = tmp_path_factory.mktemp("parquet") / "rows.parquet"
    columns = {f"feature {i}": column for i, column in enumerate(X.T)}
    write_table(pa.table(columns), path)
    return path


def parts_of(path, size=100):
    """Yield the rows of a file as tables of at most ``size`` rows, one in memory at a time."""
    from pyarrow.parquet import ParquetFile

    with ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=size):
            yield batch.to_pandas()


def test_a_file_is_learned_and_scored_part_by_part(parquet, X, far_anomalies, tmp_path):
    import pyarrow as pa
    from pyarrow.parquet import ParquetWriter, read_table

    detector = AutoEncoder(lr=5e-3, random_state=0)
    for _ in range(40):
        for part in parts_of(parquet):
            detector.partial_fit(part)
    assert detector.n_iter_ == 120
    assert list(detector.feature_names_in_) == [f"feature {i}" for i in range(8)]

    schema = pa.schema({"score": pa.float64()})
    with ParquetWriter(tmp_path / "scores.parquet", schema) as writer:
        for part in parts_of(parquet):
            writer.write(pa.record_batch({"score": detector.score_samples(part)}, schema))
    scores = read_table(tmp_path / "scores.parquet")["score"].to_numpy()
    rows = next(parts_of(parquet, len(X)))
    assert_array_equal(scores, detector.score_samples(rows))

    detector.offset_ = np.quantile(scores, 0.1)
    assert (detector.predict(rows) == -1).sum() == 30
    test, y = far_anomalies
    named = dict(zip(rows.columns, test.T, strict=True))
    assert roc_auc_score(y, -detector.score_samples(rows.iloc[:0].assign(**named))) > 0.97


# Clusters -------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheduler", ["synchronous", "threads"])
def test_the_blocks_of_a_dask_array_are_scored_each_for_itself(scheduler, detector, X):
    da = pytest.importorskip("dask.array", reason="needs dask")
    blocks = da.from_array(X, chunks=(70, -1))
    scores = blocks.map_blocks(detector.score_samples, drop_axis=1, meta=np.empty(0))
    assert scores.chunks == ((70, 70, 70, 70, 20),)
    assert_array_equal(scores.compute(scheduler=scheduler), detector.score_samples(X))


def test_parallel_post_fit_predicts_and_transforms_the_blocks(detector, X):
    da = pytest.importorskip("dask.array", reason="needs dask")
    wrappers = pytest.importorskip("dask_ml.wrappers", reason="needs dask-ml")
    blocks = da.from_array(X, chunks=(70, -1))
    parallel = wrappers.ParallelPostFit(detector)
    for method in ("predict", "transform"):
        of_blocks = getattr(parallel, method)(blocks)
        assert isinstance(of_blocks, da.Array)
        whole = getattr(detector, method)(X)
        assert_array_equal(of_blocks.compute(scheduler="synchronous"), whole)
    fitted = wrappers.ParallelPostFit(AutoEncoder(max_epochs=3, random_state=0)).fit(X)
    assert_array_equal(fitted.predict(blocks).compute(scheduler="threads"), detector.predict(X))
