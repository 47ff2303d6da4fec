"""How the defaults of families were decided: a few variants of each detector on tuning sets.

Run ``SKDEEPAD_DATA=... python benchmarks/families.py``: ADBench's protocol, with 5 % of the
training anomalies labelled for detectors that learn from labels, and 1 % in the family
fewest-labels; flows with clean training rows, too; seeds 1 and 2, one setting for all sets. Slow
families are run on sets of few rows.
``benchmarks/defaults.py`` has autoencoders, VAE, DeepSVDD and OCNN, ``benchmarks/steps.py`` and
``benchmarks/draws.py`` the other variational detectors.
"""

from _sets import SMALL, TUNING
from _study import METRICS, make_parser, output_file, require_data, variants_table, write_page

from skdeepad import (
    AAE,
    BDSGM,
    DPLAN,
    EGBAD,
    REPEN,
    WAE,
    AnoGAN,
    DeepClustering,
    DeepSAD,
    DevNet,
    GANomaly,
    InvertibleResNet,
)
from skdeepad.benchmark import run_benchmark

FEW_LABELS = {
    "DevNet (default)": DevNet(),
    "DevNet, trim 0": DevNet(trim=0.0),
    "DevNet, trim 0 and minmax (the paper's)": DevNet(trim=0.0, scaler="minmax"),
    "DevNet, 500 steps": DevNet(max_epochs=25),
    "DevNet, two hidden layers": DevNet(hidden_layer_sizes=(64, 20)),
    "REPEN (default)": REPEN(),
    "REPEN, known share .5 (the paper's)": REPEN(known_share=0.5),
    "REPEN, 500 steps": REPEN(max_epochs=10),
    "REPEN, margin 100": REPEN(margin=100.0),
    "REPEN, a hidden layer": REPEN(hidden_layer_sizes=(64,)),
    "DeepSAD (default)": DeepSAD(),
    "DeepSAD, trim 0": DeepSAD(trim=0.0),
    "DeepSAD, labels weigh 1 (the paper's)": DeepSAD(labelled_weight=1.0),
    "DeepSAD, labels weigh 3": DeepSAD(labelled_weight=3.0),
    "DeepSAD, labels weigh 30": DeepSAD(labelled_weight=30.0),
    "DeepSAD, 50 epochs": DeepSAD(max_epochs=50),
    "DeepSAD, no pre-training": DeepSAD(pretrain_epochs=0),
}
FEWEST_LABELS = {"DevNet (default)": DevNet(), "DevNet, trim 0 (the paper's)": DevNet(trim=0.0)}
AGENT = {
    "DPLAN (default)": DPLAN(),
    "DPLAN, known anomalies alone": DPLAN(least_anomalies=0),
    "DPLAN, half of the steps at twice the rate": DPLAN(
        lr=5e-4, warm_up_steps=5000, exploration_steps=5000, max_epochs=5
    ),
}
AGENT_TRIM = {"DPLAN (default)": DPLAN(), "DPLAN, trim .3": DPLAN(trim=0.3)}
CLUSTERING = {
    "DeepClustering (default)": DeepClustering(),
    "DeepClustering, trim 0": DeepClustering(trim=0.0),
    "DeepClustering, k-means loss": DeepClustering(cluster_loss="k-means"),
    "DeepClustering, 5 clusters": DeepClustering(n_clusters=5),
    "DeepClustering, 20 clusters": DeepClustering(n_clusters=20),
    "DeepClustering, weight .01": DeepClustering(cluster_weight=0.01),
}
GAMES = {
    "AAE (default)": AAE(),
    "AAE, trim 0": AAE(trim=0.0),
    "WAE (default)": WAE(),
    "WAE, trim 0": WAE(trim=0.0),
    "WAE, a discriminator": WAE(divergence="gan"),
    "AnoGAN (default)": AnoGAN(),
    "AnoGAN, an encoder": AnoGAN(train_encoder=True),
    "EGBAD (default)": EGBAD(),
    "EGBAD, no gradient penalty (the paper's)": EGBAD(gradient_penalty_weight=0.0),
    "GANomaly (default)": GANomaly(),
    "GANomaly, 3,000 steps": GANomaly(max_steps=3000),
    "GANomaly, a gradient penalty": GANomaly(gradient_penalty_weight=1.0),
}
FLOWS = {
    "InvertibleResNet (default)": InvertibleResNet(),
    "InvertibleResNet, trim .1": InvertibleResNet(trim=0.1),
    "InvertibleResNet, noise .03": InvertibleResNet(noise=0.03),
    "InvertibleResNet, three blocks": InvertibleResNet(n_blocks=3),
    "InvertibleResNet, two blocks": InvertibleResNet(n_blocks=2),
    "InvertibleResNet, three blocks, trim .1": InvertibleResNet(n_blocks=3, trim=0.1),
    "InvertibleResNet, two blocks, trim .1": InvertibleResNet(n_blocks=2, trim=0.1),
    "BDSGM (default)": BDSGM(),
}
FLOWS_OF_CLEAN = {
    name: flow
    for name, flow in FLOWS.items()
    if isinstance(flow, InvertibleResNet) and flow.n_blocks != 3 and flow.noise == 0.1
}
FAMILIES = {
    "few-labels": (FEW_LABELS, TUNING, "adbench-5%"),
    "fewest-labels": (FEWEST_LABELS, TUNING, "adbench-1%"),
    "agent": (AGENT, SMALL, "adbench-5%"),
    "agent-trim": (AGENT_TRIM, SMALL, "adbench-5%"),
    "clustering": (CLUSTERING, TUNING, "adbench"),
    "games": (GAMES, SMALL, "adbench"),
    "flows": (FLOWS, SMALL, "adbench"),
    "flows-clean": (FLOWS_OF_CLEAN, SMALL, "clean"),
}


def main():
    parser = make_parser(__doc__, n_jobs=2, seeds=[1, 2])
    parser.add_argument("--families", nargs="+", default=list(FAMILIES), choices=list(FAMILIES))
    options = parser.parse_args()
    require_data(*{name for family in options.families for name in FAMILIES[family][1]})
    for family in options.families:
        variants, sets, protocol = FAMILIES[family]
        results = run_benchmark(
            {"IForest": "pyod.IForest", **variants},
            sets,
            protocols=protocol,
            seeds=options.seeds,
            metrics=tuple(METRICS),
            n_jobs=options.n_jobs,
            output=output_file(options.output / "rows", f"-{family}.csv"),
        )
        write_page(
            options.output,
            f"Defaults of a family: {family}",
            f"protocol {protocol}, seeds {' '.join(map(str, options.seeds))}, means over "
            f"{len(sets)} sets. Differences are from isolation forest, with 95 % bootstrap "
            "intervals over the sets; p is Wilcoxon's.",
            variants_table(results, "IForest", ["IForest", *variants]),
            sets=sets,
            part=f"-{family}",
        )


if __name__ == "__main__":
    main()
