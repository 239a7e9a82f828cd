"""Concepts in the activations of a small language model: how well they are found, and what steering along them does.

    python benchmarks/concepts.py probes                # AUC on held-out statements by layer, four methods
    python benchmarks/concepts.py time                  # a fit of all layers to all statements of a concept
    python benchmarks/concepts.py steering              # probability of a concept's tokens against strength
    python benchmarks/concepts.py token-strength        # strength learned by token (CLAS) beside a fixed one

The model comes from a package, see examples/language_model.py; statements and their split from examples/concepts. With
`--activations FILE` activations are kept in a file, or read from it if it exists. Settings are chosen on folds of the
training half; the held-out half is scored once.
"""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path

import numpy as np
from common import print_environment, seconds
from sklearn.metrics import roc_auc_score

sys.path.append(str(Path(__file__).parents[1] / "examples"))

from language_model import CONCEPTS, PROMPTS, continued, load_language_model, load_statements, token_shares

from rfmlearn.concepts import ConceptProbe, TokenStrength, record_activations, steer

METHODS = ("rfm", "mean_difference", "logistic", "pca")
STRENGTHS = (-0.8, -0.6, -0.4, -0.2, 0.0, 0.2, 0.4, 0.6, 0.8)
STEERED = range(10, 20)  # of 30 blocks: the middle third


class Statements:
    """Statements about concepts with their activations, which are computed once.

    Two statements in turn have the same content and opposite labels, and are on one side of the split: `groups`.
    """

    def __init__(self, path):
        self.path = path
        self.known = dict(np.load(path)) if path is not None and path.exists() else {}

    def activations(self, concept):
        """Of shape (n_statements, n_layers, width): at the last token, after each block."""
        if concept not in self.known:
            model, tokenizer = load_language_model()
            texts = list(load_statements(concept)["statement"])
            self.known[concept] = record_activations(model, {**tokenizer(texts), "use_cache": False})
            if self.path is not None:
                np.savez(self.path, **self.known)
        return self.known[concept]

    def split(self, concept):
        """Activations, labels and groups, for training and held out."""
        frame, X = load_statements(concept), self.activations(concept)
        groups, y = np.arange(len(frame)) // 2, frame["label"].to_numpy()
        return [(X[rows], y[rows], groups[rows]) for rows in (frame["split"] == "train", frame["split"] == "held out")]


def probes(statements, args):
    """AUC on held-out statements, layer by layer and all layers together, and the time of fits."""
    print("\n| concept | method | mean over layers | best layer on folds | all layers | seconds |")
    print("|---|---|---|---|---|---|")
    by_layer = {}
    for concept in args.concepts:
        (X, y, groups), (X_new, y_new, _) = statements.split(concept)
        for method in METHODS:
            probe = ConceptProbe(method, random_state=0, n_jobs=args.jobs)
            took, probe = seconds(partial(probe.fit, X, y, groups=groups))
            decisions = probe.layer_decisions(X_new)
            aucs = np.array([roc_auc_score(y_new, column) for column in decisions.T])
            together = roc_auc_score(y_new, probe.decision_function(X_new))
            by_layer[concept, method] = aucs
            best = aucs[probe.best_layer_]
            print(
                f"| {concept} | {method} | {aucs.mean():.4f} | {best:.4f} | {together:.4f} | {took:.0f} |", flush=True
            )
    print("\nLayers in which RFM is above, of all:")
    for concept in args.concepts:
        counts = [f"{m} {np.sum(by_layer[concept, 'rfm'] > by_layer[concept, m])}" for m in METHODS[1:]]
        print(f"  {concept}: {', '.join(counts)} of {len(by_layer[concept, 'rfm'])}")


def time(statements, args):
    """One fit of all layers to all statements of a concept."""
    for concept in args.concepts:
        X, y = statements.activations(concept), load_statements(concept)["label"]
        took, _ = seconds(partial(ConceptProbe(random_state=0, n_jobs=args.jobs).fit, X, y))
        print(f"{concept}: {X.shape} in {took:.1f} s")


def layer_names(layers):
    """Blocks of the language model by number."""
    return [f"model.layers.{k}" for k in layers]


def steering(statements, args):
    """Probabilities of tokens of both classes, means over prompts, against strength."""
    model, tokenizer = load_language_model()
    for concept in args.concepts:
        (X, y, groups), _ = statements.split(concept)
        print(
            f"\n{concept}: strength, probability of tokens of {CONCEPTS[concept][0]} and {CONCEPTS[concept][1]}, text"
        )
        unsteered = token_shares(model, tokenizer, concept)
        for method in args.methods:
            probe = ConceptProbe(method, random_state=0, n_jobs=args.jobs).fit(X[:, STEERED], y, groups=groups)
            shares = []
            for strength in STRENGTHS:
                with steer(model, probe.steering_vector(), strength, layers=layer_names(STEERED)):
                    shares.append(token_shares(model, tokenizer, concept))
                    text = continued(model, tokenizer, PROMPTS[concept][0], 16).replace("\n", " / ")
                print(f"  {strength:+.1f}  {shares[-1][0]:.4f}  {shares[-1][1]:.4f}  {text}", flush=True)
            assert shares[STRENGTHS.index(0.0)] == unsteered, "strength 0 changed something"
            print(f"  {method}: {monotone(shares)}; unsteered as at strength 0, bit by bit")


def monotone(shares):
    """Over which strengths the share of the first class among both rises at every step, around zero."""
    shares = np.array(shares)
    rising = np.diff(shares[:, 0] / shares.sum(axis=1)) > 0
    first = last = STRENGTHS.index(0.0)
    while first > 0 and rising[first - 1]:
        first -= 1
    while last < len(rising) and rising[last]:
        last += 1
    return f"share of the first class among both rises from {STRENGTHS[first]:+.1f} to {STRENGTHS[last]:+.1f}"


def token_strength(statements, args):
    """Loss of the next token on held-out statements of the first class: unsteered, one strength for all, by token."""
    model, tokenizer = load_language_model()
    print("\n| concept | unsteered | best fixed strength on training statements | by token |\n|---|---|---|---|")
    for concept in args.concepts:
        (X, y, groups), _ = statements.split(concept)
        probe = ConceptProbe(random_state=0, n_jobs=args.jobs).fit(X[:, STEERED], y, groups=groups)
        vectors = dict(zip(layer_names(STEERED), probe.steering_vector(), strict=True))
        frame = load_statements(concept).query("label == 1")
        train, held_out = (
            tokenizer(list(frame.loc[frame["split"] == part, "statement"]))["input_ids"]
            for part in ("train", "held out")
        )
        losses = {}
        for strength in STRENGTHS:
            with steer(model, vectors, strength):
                losses[strength] = next_token_loss(model, train)
        fixed = min(losses, key=losses.get)
        with steer(model, vectors, fixed):
            loss_fixed = next_token_loss(model, held_out)
        learned = TokenStrength(n_epochs=args.epochs, random_state=0).fit(model, train, vectors)
        with learned.steer(model):
            loss_learned = next_token_loss(model, held_out)
        unsteered = next_token_loss(model, held_out)
        print(f"| {concept} | {unsteered:.3f} | {loss_fixed:.3f} ({fixed:+.1f}) | {loss_learned:.3f} |", flush=True)


def next_token_loss(model, texts):
    """Mean over all tokens but the first of each text."""
    import torch

    total = 0.0
    for text in texts:
        tokens = torch.tensor([text])
        with torch.no_grad():
            logits = model(tokens).logits
        total += float(torch.nn.functional.cross_entropy(logits[0, :-1], tokens[0, 1:], reduction="sum"))
    return total / sum(len(text) - 1 for text in texts)


COMMANDS = {"probes": probes, "time": time, "steering": steering, "token-strength": token_strength}


def main():
    """Run one of the commands."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=COMMANDS)
    parser.add_argument("--concepts", nargs="+", choices=CONCEPTS, default=list(CONCEPTS))
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=["rfm"])
    parser.add_argument("--activations", type=Path, help="npz file to keep activations in")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--jobs", type=int, default=1, help="layers side by side")
    args = parser.parse_args()
    print_environment("rfmlearn", "sklearn", "numpy", "torch", "transformers")
    COMMANDS[args.command](Statements(args.activations), args)


if __name__ == "__main__":
    main()
