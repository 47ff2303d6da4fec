"""What surrounds a fit changes nothing in it, and stays as it was."""

import pickle
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal

from skdeepad import all_detectors
from skdeepad.training import default_settings

from .instances import small

pytestmark = pytest.mark.usefixtures("quick_stages")
every_detector = pytest.mark.parametrize("name", [name for name, _ in all_detectors()])


def some_labels(X):
    return np.resize([-1, 1, 0, 0, 0], len(X))


@contextmanager
def set_for_a_while(read, write, value):
    before = read()
    write(value)
    try:
        yield
    finally:
        write(before)


SURROUNDINGS = {
    "no_grad": torch.no_grad,
    "inference_mode": torch.inference_mode,
    "autocast": lambda: torch.autocast("cpu", dtype=torch.bfloat16),
    "default device": lambda: torch.device("meta"),
    "default dtype": lambda: set_for_a_while(
        torch.get_default_dtype, torch.set_default_dtype, torch.float64
    ),
    "deterministic algorithms": lambda: set_for_a_while(
        torch.are_deterministic_algorithms_enabled, torch.use_deterministic_algorithms, True
    ),
    "precision of products": lambda: set_for_a_while(
        torch.get_float32_matmul_precision, torch.set_float32_matmul_precision, "medium"
    ),
    "conversion of modules": lambda: set_for_a_while(
        torch.__future__.get_overwrite_module_params_on_conversion,
        torch.__future__.set_overwrite_module_params_on_conversion,
        True,
    ),
    # Where both ways to set a precision are used, torch's older getter raises.
    "precision by operation": lambda: set_for_a_while(
        lambda: torch.backends.mkldnn.matmul.fp32_precision,
        lambda value: setattr(torch.backends.mkldnn.matmul, "fp32_precision", value),
        "bf16",
    ),
}


def settings_of_torch():
    return (
        torch.is_grad_enabled(),
        torch.is_inference_mode_enabled(),
        torch.is_autocast_enabled("cpu"),
        torch.get_default_device(),
        torch.get_default_dtype(),
        torch.are_deterministic_algorithms_enabled(),
        torch.__future__.get_overwrite_module_params_on_conversion(),
        torch.backends.mkldnn.matmul.fp32_precision,
        torch.backends.cuda.matmul.fp32_precision,
    )


def results_of_every_method(name, X):
    det = small(name).fit(X, some_labels(X))
    twin = pickle.loads(pickle.dumps(det))
    results = [det.score_samples(X), det.offset_, twin.partial_fit(X, some_labels(X)).offset_]
    for method in ("transform", "reconstruct", "predict_proba"):
        if hasattr(det, method):
            results.append(getattr(det, method)(X))
    if hasattr(det, "sample"):
        results.append(det.sample(3, random_state=0))
    return results


@every_detector
def test_no_setting_of_torch_changes_a_result_and_each_stays_as_it_was(name, X):
    expected = results_of_every_method(name, X)
    for setting, surround in SURROUNDINGS.items():
        with surround():
            before = settings_of_torch()
            for result, other in zip(results_of_every_method(name, X), expected, strict=True):
                assert_array_equal(result, other, err_msg=setting)
            with pytest.raises(ValueError, match="NaN"):
                small(name).fit(np.full_like(X, np.nan))
            assert settings_of_torch() == before, setting


def test_the_last_thread_puts_back_what_all_threads_share():
    inside, done = threading.Event(), threading.Event()

    def stay():
        with default_settings():
            inside.set()
            done.wait(10)

    torch.set_default_dtype(torch.float64)
    try:
        thread = threading.Thread(target=stay)
        thread.start()
        inside.wait(10)
        with default_settings():
            assert torch.get_default_dtype() == torch.float32
        assert torch.get_default_dtype() == torch.float32  # the other one is not ready yet
        done.set()
        thread.join()
        assert torch.get_default_dtype() == torch.float64
    finally:
        torch.set_default_dtype(torch.float32)


def test_no_fit_imports_a_compiler():
    code = """if True:
        import sys, warnings
        import numpy as np
        import skdeepad
        from tests.instances import small
        warnings.simplefilter("ignore")
        X = np.random.RandomState(0).randn(60, 4)
        for name, _ in skdeepad.all_detectors():
            before = set(sys.modules)
            small(name).fit(X, np.resize([-1, 1, 0, 0, 0], 60)).predict(X)
            new = {module for module in set(sys.modules) - before}
            assert len(new) < 50 and "torch._dynamo" not in new, (name, sorted(new)[:20])
    """
    root = Path(__file__).parents[1]
    result = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


def test_other_optimizers_import_the_compiler_where_ctrl_c_cannot_stop_it():
    code = """if True:
        import sys, threading, numpy as np, torch
        from skdeepad import AutoEncoder
        found = []

        class Finder:
            def find_spec(self, name, *args):
                if name == "torch._dynamo":
                    found.append(threading.current_thread() is threading.main_thread())

        sys.meta_path.insert(0, Finder())
        X = np.random.RandomState(0).randn(20, 2)
        AutoEncoder(max_steps=2, optimizer=torch.optim.Adam).fit(X)
        assert found == []
        AutoEncoder(max_steps=2, optimizer=torch.optim.NAdam).fit(X)
        assert found == [False], found
    """
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="forks")
def test_a_child_that_is_forked_while_another_thread_fits_has_the_settings_of_the_process():
    code = """if True:
        import os, threading, torch
        from skdeepad.training import default_settings
        inside, done = threading.Event(), threading.Event()

        def stay():
            with default_settings():
                inside.set()
                done.wait(30)

        torch.set_default_dtype(torch.float64)
        thread = threading.Thread(target=stay)
        thread.start()
        inside.wait(30)
        child = os.fork()
        if not child:
            with default_settings():
                assert torch.get_default_dtype() == torch.float32
            os._exit(torch.get_default_dtype() != torch.float64)
        assert os.waitpid(child, 0)[1] == 0
        done.set()
        thread.join()
        assert torch.get_default_dtype() == torch.float64
    """
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="forks")
def test_a_forked_child_scores_and_fits():
    code = """if True:
        import multiprocessing, numpy as np, torch
        from skdeepad import AutoEncoder
        torch.set_num_threads(2)
        X = np.random.RandomState(0).randn(3000, 30)
        det = AutoEncoder(max_steps=30, random_state=0).fit(X)
        with multiprocessing.get_context("fork").Pool(1) as pool:
            scores = pool.apply_async(det.score_samples, (X,)).get(timeout=60)
            twin = pool.apply_async(AutoEncoder(max_steps=30, random_state=0).fit, (X,))
            twin = twin.get(timeout=60)
        assert np.array_equal(scores, det.score_samples(X))
        assert np.allclose(twin.score_samples(X), scores, rtol=1e-3)
    """
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
