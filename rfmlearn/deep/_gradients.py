"""Gradients of deep recursive feature machines: the chain rule through maps and random features."""

from __future__ import annotations

from ..gradients._registry import closed_form
from ..tables._slopes import EncodedRows


def gradient_of_layers(model, output):
    """From the points of the layer that predicts back to the columns of the table."""
    last = closed_form(model.layers_[-1].estimator, output)
    if last is None:
        return None

    def gradient(X, encode=EncodedRows.of):
        nodes = [*encode(model._encoder, model._check_X(X, reset=False)).nodes()]
        return sum(map(at, nodes[1:]), start=at(nodes[0])) / len(nodes)

    def at(rows):
        mapped = [rows.points.dense()]
        for layer in model.layers_[:-1]:
            mapped.append(layer.map(layer.enter(mapped[-1])))
        result = last(model.layers_[-1].enter(mapped[-1]))
        for number in range(len(model.layers_) - 1, 0, -1):
            result = model.layers_[number].features.pull_back(result, mapped[number])
            result = result @ model.layers_[number - 1].root
        return rows.by_column(result)

    return gradient
