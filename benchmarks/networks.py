"""Networks while they learn: what the papers say of them, run again on small problems.

usage: networks.py [--parts swiss staircase scales speeds] [--seeds 3] [--steps 2000]

1. swiss: swiss roll, 1,000 points, perceptron 2-32-32-1, full-batch SGD with rate .05 as in arXiv 2605.06258: target
   linearity by layer over training, and the change of W^T W beside the sum of virtual covariances.
2. staircase: x1 + x1 x2 + x1 x2 x3 + x1 x2 x3 x4 of ten normal columns, 1,000 rows: target linearity layer by layer, of
   a perceptron, of DeepRFMRegressor, and of random features of AGOPFeatureMap by rounds; on new rows too.
3. scales: the neural feature ansatz (NFA) and its centred form (arXiv 2402.05271) over training on the staircase, from
   initial weights of several sizes. What a network gives before training is subtracted, so that large weights do not
   have to be unlearned.
4. speeds: SpeedLimited with the speeds 500, .002, .002 beside plain SGD on chain monomials, x1 x2 + x2 x3 + x3 x1 of 32
   columns, and training of the first layer alone, since these speeds leave the others next to where they were. Learning
   rates are chosen on a fifth of the rows; the test rows are used once.
"""

from __future__ import annotations

import argparse
import copy
from itertools import pairwise

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from common import print_environment
from sklearn.datasets import make_swiss_roll
from sklearn.preprocessing import minmax_scale
from torch import nn

from rfmlearn import AGOPFeatureMap, DeepRFMRegressor, RFMRegressor
from rfmlearn.neural import SpeedLimited, TrainingRecorder

SPEEDS = [500.0, 0.002, 0.002]


def swiss_roll(seed, n=1000):
    """The plane of the roll and the way along it, all between 0 and 1."""
    X, y = make_swiss_roll(n, random_state=seed)
    return as_tensors(minmax_scale(X[:, [0, 2]]), minmax_scale(y))


def staircase(seed, n=1000, d=10):
    """Products of the first one to four columns, summed."""
    X = np.random.default_rng(seed).standard_normal((n, d))
    return as_tensors(X, np.cumprod(X[:, :4], axis=1).sum(axis=1))


def chain(seed, n=1000, d=32, rank=3):
    """Products of neighbours in a ring of columns, summed."""
    X = np.random.default_rng(seed).standard_normal((n, d))
    ring = X[:, :rank]
    return as_tensors(X, np.sum(ring * np.roll(ring, -1, axis=1), axis=1))


def as_tensors(*arrays):
    """Arrays as tensors in single precision."""
    return tuple(torch.tensor(np.asarray(array), dtype=torch.float32) for array in arrays)


def perceptron(widths, scale, seed):
    """Rectified linear units with weights of He's size times a scale, and offsets of zero."""
    torch.manual_seed(seed)
    layers = []
    for n_in, n_out in pairwise(widths):
        layers += [nn.Linear(n_in, n_out), nn.ReLU()]
        nn.init.normal_(layers[-2].weight, std=scale * (2 / n_in) ** 0.5)
        nn.init.zeros_(layers[-2].bias)
    return nn.Sequential(*layers[:-1])


def train(net, X, y, optimizer, n_steps, *, each_step=lambda step: None, scheduler=None):
    """Full-batch training with squared error; the last loss, infinite if it is not finite."""
    loss = torch.tensor(np.inf)
    for step in range(n_steps):
        each_step(step)
        optimizer.zero_grad()
        loss = F.mse_loss(net(X)[:, 0], y)
        loss.backward()
        if not torch.isfinite(loss):
            return np.inf
        optimizer.step()
        if scheduler is not None:
            scheduler.step()
    each_step(n_steps)
    return loss.item()


def error(net, X, y):
    """Mean squared error of what a network gives."""
    with torch.no_grad():
        return F.mse_loss(net(X)[:, 0], y).item()


def by_layer(histories, measure, steps):
    """Means over runs of a measure: steps down, layers across."""
    frame = pd.concat([pd.DataFrame(history) for history in histories])
    return frame.pivot_table(index="step", columns="layer", values=measure).reindex(steps)


def show(title, table):
    """Print a table with its title."""
    print(f"\n{title}\n{table.round(3).to_string()}", flush=True)


def run_swiss(n_seeds, n_steps):
    """Target linearity, and the Gram matrix of the weights beside virtual covariances."""
    histories, steps = [], sorted({0, 1, 10, 50, 100, n_steps})
    for seed in range(n_seeds):
        X, y = swiss_roll(seed)
        torch.manual_seed(seed)
        net = nn.Sequential(nn.Linear(2, 32, bias=False), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 1))
        recorder = TrainingRecorder(net, X, y, learning_rate=0.05, measures=["target_linearity", "virtual_covariance"])

        def look(step, recorder=recorder):
            if step <= 100 or step in steps:  # sums of virtual covariances need every step
                recorder.record(step)

        train(net, X, y, torch.optim.SGD(net.parameters(), lr=0.05), n_steps, each_step=look)
        histories.append(recorder.history)
    steps = [step for step in steps if step <= n_steps]
    show("swiss roll: target linearity of inputs of layers", by_layer(histories, "target_linearity", steps))
    early = [step for step in steps if step <= 100]
    show("swiss roll: change of W^T W with the sum of V", by_layer(histories, "virtual_change", early))
    show("swiss roll: W^T W with V", by_layer(histories, "virtual_covariance", steps))


def run_staircase(n_seeds, n_steps, n_new=10_000):
    """Target linearity layer by layer, of a network and of machines that learn by the AGOP."""
    found: dict[str, list] = {}
    for seed in range(n_seeds):
        X, y = staircase(seed)
        X_new, y_new = staircase(1000 + seed, n_new)
        net = perceptron([10, 64, 64, 64, 1], 0.3, seed)
        for when in ("before training", "after"):
            if when == "after":
                train(net, X, y, torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9), n_steps)
            for rows, data in (("training rows", (X, y)), ("new rows", (X_new, y_new))):
                records = TrainingRecorder(net, *data, measures="target_linearity")()
                values = [record["target_linearity"] for record in records]
                found.setdefault(f"perceptron of 64, {when}: {rows}", []).append(values)
        tables = [tensor.numpy().astype(float) for tensor in (X, y, X_new, y_new)]
        for name, values in of_machines(*tables, seed).items():
            found.setdefault(name, []).append(values)
    table = pd.DataFrame({name: pd.Series(np.mean(values, axis=0)) for name, values in found.items()}).T
    show("staircase: target linearity of inputs of layers (of maps: after 0, 1, ... rounds)", table)
    smallest = {name: np.min(np.diff(values, axis=1)) for name, values in found.items()}
    show("smallest rise from one to the next, in any run", pd.Series(smallest))


def of_machines(X, y, X_new, y_new, seed):
    """Target linearity of deep machines by layer, and of random features behind a map by rounds."""
    found = {}
    for width in (64, 512):
        model = DeepRFMRegressor(n_layers=5, n_random_features=width, random_state=seed).fit(X, y)
        found[f"DeepRFMRegressor of {width}: training rows"] = model.target_linearity(X, y)
        found[f"DeepRFMRegressor of {width}: new rows"] = model.target_linearity(X_new, y_new)
    rounds: dict[str, list] = {"training rows": [], "new rows": []}
    for max_iter in range(5):
        machine = RFMRegressor(kernel="laplace", feature_matrix="full", scaling=None, max_iter=max_iter)
        feature_map = AGOPFeatureMap(machine, n_layers=2, n_random_features=64, random_state=seed).fit(X, y)
        rounds["training rows"].append(feature_map.target_linearity(X, y)[1])
        rounds["new rows"].append(feature_map.target_linearity(X_new, y_new)[1])
    return found | {f"64 features of AGOPFeatureMap: {rows}": values for rows, values in rounds.items()}


def run_scales(n_seeds, n_steps):
    """Both forms of the ansatz over training, by size of the initial weights."""
    steps = [step for step in (0, 1, 5, 10, 20, 50, 100, 200, 500, 1000, 2000) if step <= n_steps]
    for scale, rate in ((0.3, 0.01), (1.0, 0.01), (3.0, 0.01 / 3**6)):
        histories = []
        for seed in range(n_seeds):
            X, y = staircase(seed)
            net = perceptron([10, 64, 64, 64, 1], scale, seed)
            with torch.no_grad():
                target = y + net(X)[:, 0]
            recorder = TrainingRecorder(net, X, target, measures=["nfa", "nfa_centered"])

            def look(step, recorder=recorder):
                if step in steps:
                    recorder.record(step)

            train(net, X, target, torch.optim.SGD(net.parameters(), lr=rate, momentum=0.9), n_steps, each_step=look)
            histories.append(recorder.history)
        names = ("nfa", "nfa_centered", "weight_change", "loss")
        table = pd.concat({name: by_layer(histories, name, steps) for name in names}, axis=1)
        # The last layer fulfils the ansatz by construction, and all layers have one loss.
        table = table.drop(columns=[(name, "6") for name in names] + [("loss", "0"), ("loss", "2")])
        show(f"staircase: initial weights {scale:g} times those of He", table)


def run_speeds(n_seeds, n_steps):
    """Plain and speed-limited training, each with its own best rate."""
    rows = []
    for scale in (1.0, 0.3):
        for name, speeds, rates in (
            ("plain", None, (0.01, 0.03, 0.1)),
            ("first layer alone", None, (0.01, 0.03, 0.1)),
            ("speed-limited", SPEEDS, (3e-5, 1e-4, 3e-4, 1e-3)),
        ):
            for seed in range(n_seeds):
                X, y = chain(seed)
                start = perceptron([32, 128, 128, 1], scale, seed)
                errors = {}
                for rate in rates:
                    net = prepared(start, name)
                    if np.isfinite(train_at(net, X[:800], y[:800], speeds, rate, n_steps)):
                        errors[rate] = error(net, X[800:], y[800:])
                rate = min(errors, key=lambda rate: errors[rate])
                net = prepared(start, name)
                recorder = TrainingRecorder(net, X, y, measures=["nfa", "nfa_centered"])
                loss = train_at(net, X, y, speeds, rate, n_steps)
                first, second, _ = recorder.record(n_steps)
                rows.append({
                    "initial weights": scale, "": name, "seed": seed, "rate": f"{rate:g}", "training MSE": loss,
                    "test MSE": error(net, *chain(1000 + seed, 10_000)), "NFA 1": first["nfa"], "NFA 2": second["nfa"],
                    "centred 1": first["nfa_centered"], "centred 2": second["nfa_centered"],
                })  # fmt: skip
    table = pd.DataFrame(rows)
    show("chain monomials: plain SGD, and speeds 500, .002, .002", table)
    show("means", table.drop(columns=["seed", "rate"]).groupby(["initial weights", ""]).mean())


def prepared(start, name):
    """A copy of a network, of which all layers learn or one."""
    net = copy.deepcopy(start)
    if name == "first layer alone":
        net[1:].requires_grad_(False)
    return net


def train_at(net, X, y, speeds, rate, n_steps):
    """Train with a rate that falls to zero, since steps of fixed length do not shrink by themselves."""
    sgd = torch.optim.SGD(net.parameters(), lr=rate, momentum=0.0 if speeds else 0.9)
    scheduler = torch.optim.lr_scheduler.LambdaLR(sgd, lambda step: 1 - step / n_steps)
    return train(net, X, y, SpeedLimited(sgd, net, speeds) if speeds else sgd, n_steps, scheduler=scheduler)


PARTS = {"swiss": run_swiss, "staircase": run_staircase, "scales": run_scales, "speeds": run_speeds}


def main():
    """Run the parts asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=2000)
    args = parser.parse_args()
    torch.set_num_threads(1)
    print_environment("rfmlearn", "numpy", "sklearn", "torch")
    for part in args.parts:
        PARTS[part](args.seeds, args.steps)


if __name__ == "__main__":
    main()
