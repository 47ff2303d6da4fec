"""What log-determinants of an invertible residual network cost, side by side.

Run ``python benchmarks/log_det.py``: one network with InvertibleResNet's defaults for each number
of features, untrained. A step of training, on 256 rows, takes the determinant as it is, the series
or the roulette; 1,024 rows are scored by the determinant, and by that of the whole Jacobian, which
torch's automatic differentiation makes of each block. CPU time, medians.
"""

import numpy as np
import pandas as pd
import torch
from _study import make_parser, timed, write_page

from skdeepad import InvertibleResNet

N_FEATURES = (6, 20, 50, 200)
REPEATS = 7


def median_time(function):
    """Median CPU time of a call, in milliseconds."""
    times = [timed(function)[1] for _ in range(REPEATS)]
    return 1e3 * np.median(times[1:])


def training_step(module, x):
    module.train().zero_grad()
    module.loss(x).mean().backward()


def score(module, x):
    with torch.no_grad():
        return module.eval().log_prob(x)


def score_by_whole_jacobians(module, x):
    """The log-density as it is written down: a Jacobian of each block, and its determinant."""
    log_det = torch.full((len(x),), module.log_volume)
    with torch.no_grad():
        for norm, block in zip(module.norms, module.blocks, strict=True):
            x = norm(x)
            jacobian = torch.func.vmap(torch.func.jacrev(lambda row, g=block: g(row[None])[0]))(x)
            jacobian = jacobian + torch.eye(x.shape[1])
            log_det += norm.log_scale.sum() + torch.linalg.slogdet(jacobian).logabsdet
            x = x + block(x)
    return log_det - 0.5 * (x**2).sum(1) - 0.5 * x.shape[1] * np.log(2 * np.pi)


def times_of(n_features):
    """One row of the table; both ways to score have to agree."""
    rng = np.random.RandomState(0)
    det = InvertibleResNet(max_steps=1, random_state=0).fit(rng.randn(256, n_features))
    module = det.net_.module_
    x = torch.from_numpy(rng.randn(1024, n_features)).float()
    row = {}
    for way in ("exact", "series", "roulette"):
        module.log_det = way
        row[f"step, {way}"] = median_time(lambda: training_step(module, x[:256]))
    row["score, exact"] = median_time(lambda: score(module, x))
    exact = score(module, x)
    row["score, whole Jacobians"] = median_time(lambda: score_by_whole_jacobians(module, x))
    assert torch.allclose(exact, score_by_whole_jacobians(module, x), atol=1e-3)
    row["whole Jacobians / exact"] = row["score, whole Jacobians"] / row["score, exact"]
    return row


def main():
    options = make_parser(__doc__).parse_args()
    torch.set_num_threads(1)
    table = pd.DataFrame({n: times_of(n) for n in N_FEATURES}).T.rename_axis("features")
    write_page(
        options.output,
        "Log-determinants",
        "milliseconds of CPU, one thread, for a step of training on 256 rows and for scores of "
        "1,024. *Exact* is a determinant of the smaller of the number of features and the width of "
        "the last hidden layer, 32.",
        table.round(1).to_markdown(),
        sets=(),
    )


if __name__ == "__main__":
    main()
