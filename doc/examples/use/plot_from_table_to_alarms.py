"""
======================
From a table to alarms
======================

A table of readings of pumps has numbers, categories and holes. This example
goes all the way: a pipeline, a threshold with a known rate of false alarms,
the reasons of an alarm, a file, a small web service without this library,
and what to watch afterwards. It needs ``pip install
'skdeepad[plot,onnx,skops]'``.
"""

# sphinx_gallery_thumbnail_number = 2
import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from tempfile import TemporaryDirectory
from urllib.request import Request, urlopen

import matplotlib.pyplot as plt
import numpy as np
import onnxruntime
import pandas as pd
import skops.io
from scipy.stats import kstest
from sklearn.compose import make_column_transformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skdeepad import AutoEncoder
from skdeepad.calibration import ConformalDetector
from skdeepad.export import to_onnx
from skdeepad.inspection import (
    ContributionDisplay,
    PValueDisplay,
    ScoreDisplay,
)
from skdeepad.interop import trusted_types

# %%
# The table
# ---------
#
# A pump of type B gives twice the flow at the same speed. Power follows
# from flow and pressure, and temperature from power and that of the room.
# One reading in twenty is missing.


def readings(n, seed, room=20.0):
    rng = np.random.default_rng(seed)
    kind = rng.choice(["A", "B"], n, p=[0.7, 0.3])
    site = rng.choice(["north", "south", "harbour"], n)
    speed = rng.uniform(0.4, 1.0, n)
    flow = (
        speed
        * np.where(kind == "B", 20.0, 10.0)
        * rng.lognormal(0, 0.02, n)
    )
    pressure = (
        4 * speed**2
        + np.where(site == "harbour", 1.0, 0.0)
        + rng.normal(0, 0.05, n)
    )
    power = 0.1 * flow * pressure + rng.normal(0, 0.1, n)
    temperature = room + 3 * power + rng.normal(0, 0.5, n)
    table = pd.DataFrame(
        {
            "speed": speed,
            "flow": flow,
            "pressure": pressure,
            "power": power,
            "temperature": temperature,
            "kind": kind,
            "site": site,
        }
    )
    numbers = table.columns[:5]
    return table.assign(**table[numbers].mask(rng.random((n, 5)) < 0.05))


def faults(n, seed):
    """Half of the pumps lose flow through a leak, the others run hot."""
    table, rng = readings(n, seed), np.random.default_rng(seed)
    leaks = np.arange(n) < n // 2
    table.loc[leaks, "flow"] *= rng.uniform(0.5, 0.8, leaks.sum())
    table.loc[~leaks, "temperature"] += rng.uniform(5, 15, (~leaks).sum())
    return table


past, today = (
    readings(4000, seed=0),
    pd.concat([readings(950, seed=1), faults(50, seed=2)]),
)
today = today.reset_index(drop=True)
is_fault = today.index >= 950

# %%
# A detector with a known rate of false alarms
# --------------------------------------------
#
# The :class:`~skdeepad.AutoEncoder` leaves missing values out of its loss
# and out of its score, see :ref:`missing_values`. The
# :class:`~skdeepad.calibration.ConformalDetector` trains the pipeline on
# half of the rows, and calibrates its threshold with the other half: one
# normal row in a hundred raises a false alarm, see :ref:`conformal`.

numbers, kinds = (
    ["speed", "flow", "pressure", "power", "temperature"],
    ["kind", "site"],
)
columns = make_column_transformer(
    (StandardScaler(), numbers),
    (OneHotEncoder(handle_unknown="ignore", sparse_output=False), kinds),
)
detector = AutoEncoder(missing="mask", scaler=None, trim=0, random_state=0)
alarms = ConformalDetector(
    make_pipeline(columns, detector), alpha=0.01, random_state=0
).fit(past)
predicted = alarms.predict(today) == -1
print(f"False alarms: {predicted[~is_fault].mean():.1%}")
print(f"Found: {predicted[is_fault].mean():.0%}")

# The line is the threshold of the autoencoder itself, below which a tenth
# of its training rows lie.
ScoreDisplay.from_estimator(alarms.detectors_[0], today, is_fault)
plt.title("Scores of today's rows")
plt.show()

# %%
# Who acts on a list of findings wants few false ones among them.

found = alarms.discoveries(today, alpha=0.1)
n_false = (found & ~is_fault).sum()
print(f"{found.sum()} findings, of which {n_false} are false")

# %%
# Reasons
# -------
#
# Contributions are those of the table's own columns: the levels of a
# category are added up.

row = int(np.flatnonzero(is_fault & predicted)[0])
ContributionDisplay.from_estimator(alarms, today, row=row)
plt.title("A leak")
plt.show()

# %%
# A file
# ------
#
# A file of skops holds names and arrays, and no code, see :ref:`serving`.

with TemporaryDirectory() as folder:
    skops.io.dump(alarms, f"{folder}/alarms.skops")
    opened = skops.io.load(
        f"{folder}/alarms.skops", trusted=trusted_types()
    )
print((opened.predict(today) == alarms.predict(today)).all())

# %%
# A service
# ---------
#
# The model has one input for each column, and takes any number of rows. The
# service needs a runtime for ONNX, neither this library nor torch.

session = onnxruntime.InferenceSession(
    to_onnx(alarms, X=past).SerializeToString()
)


class Service(BaseHTTPRequestHandler):
    def do_POST(self):
        rows = json.loads(
            self.rfile.read(int(self.headers["Content-Length"]))
        )
        inputs = {
            name: np.array(
                [[row.get(name)] for row in rows],
                dtype=object if name in kinds else "f4",
            )
            for name in [*numbers, *kinds]
        }
        score, _, label = session.run(
            ["score", "decision", "label"], inputs
        )
        answer = [
            {"p_value": float(p), "alarm": bool(a < 0)}
            for p, a in zip(score, label, strict=True)
        ]
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(answer).encode())

    def log_message(self, *_):
        pass


server = HTTPServer(("localhost", 0), Service)
threading.Thread(target=server.serve_forever, daemon=True).start()
rows = today.iloc[[0, row]].astype(object)
body = json.dumps(
    rows.where(rows.notna(), None).to_dict("records")
).encode()
with urlopen(
    Request(f"http://localhost:{server.server_port}", body)
) as response:
    answers = json.load(response)
server.shutdown()
server.server_close()
print(answers)

# %%
# What to watch
# -------------
#
# P-values of normal rows are uniform. In a hot summer the rooms are 4
# degrees warmer, which is no fault of a pump: the p-values are no longer
# uniform, and far more rows raise an alarm than one in a hundred. Then the
# detector has to be fitted again, to rows of the summer too.

weeks = {
    "spring": readings(1000, seed=3),
    "summer": readings(1000, seed=4, room=24.0),
}
_, ax = plt.subplots()
for (name, rows), color in zip(
    weeks.items(), ["tab:green", "tab:orange"], strict=True
):
    p_values = alarms.p_values(rows)
    PValueDisplay.from_predictions(p_values, name=name, ax=ax, color=color)
    print(
        f"{name}: alarms {(p_values <= alarms.alpha).mean():.1%}, "
        f"uniform with p = {kstest(p_values, 'uniform').pvalue:.2g}"
    )
plt.show()

past_and_summer = pd.concat([past, readings(4000, seed=5, room=24.0)])
again = ConformalDetector(alarms.detector, alpha=0.01, random_state=0).fit(
    past_and_summer
)
predicted = again.predict(weeks["summer"]) == -1
print(f"summer, fitted again: alarms {predicted.mean():.1%}")
