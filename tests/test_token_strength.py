"""Strengths by token are learned by the loss of the next token, and the module stays as it is."""

from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

torch = pytest.importorskip("torch")

from token_networks import WIDTH, TokenNetwork, assert_as_before, everything, padded  # noqa: E402

from rfmlearn.concepts import TokenStrength, record_activations, steer  # noqa: E402
from rfmlearn.concepts._token_strength import _targets  # noqa: E402

# After a 1 comes a 2, else a 3: no strength that is the same for all tokens says both.
TEXTS = [[1, 2, 3, 3], [4, 3, 3], [1, 2, 3], [5, 3, 3, 3, 3], [1, 2]]
NAMES = ["blocks.0", "blocks.2"]


def network():
    return TokenNetwork(["tensor"] * 3)


def vectors(net):
    """Towards the logit of 2 rather than of 3."""
    direction = (net.head.weight[2] - net.head.weight[3]).detach().double().numpy()
    return {"blocks.0": direction, "blocks.2": direction}


def loss_of(net, texts):
    """Mean loss of a next token, text by text."""
    losses = []
    for text in texts:
        with torch.no_grad():
            logits = net(torch.tensor([text]))[0, :-1]
        losses += torch.nn.functional.cross_entropy(logits, torch.tensor(text[1:]), reduction="none").tolist()
    return np.mean(losses)


@pytest.fixture(scope="module")
def fitted():
    net = network()
    return net, TokenStrength(learning_rate=0.05, n_epochs=60, random_state=0).fit(net, TEXTS, vectors(net))


def test_better_than_any_fixed_strength(fitted):
    net, strength = fitted
    net.eval()
    with strength.steer(net):
        learned = loss_of(net, TEXTS)
    fixed = []
    for factor in np.linspace(-5, 5, 21):
        with steer(net, vectors(net), factor):
            fixed.append(loss_of(net, TEXTS))
    assert learned < min(fixed) - 0.05
    assert strength.loss_curve_.shape == (60,) and strength.loss_curve_[-1] < strength.loss_curve_[0]
    assert strength.loss_curve_[0] == pytest.approx(loss_of(net, TEXTS), rel=0.2)


def test_formula_and_strengths(fitted):
    net, strength = fitted
    plain = record_activations(net, TEXTS, "blocks.0", token="all")
    with strength.steer(net):
        steered = record_activations(net, TEXTS, NAMES, token="all")
    strengths = strength.strengths(net, TEXTS)
    c, v = strength.coef_["blocks.0"], strength.vectors_["blocks.0"]
    assert c.shape == (WIDTH + 1,)
    for h, new, s in zip(plain, steered, strengths, strict=True):
        assert s.shape == (len(h), 2)
        np.testing.assert_allclose(s[:, 0], h[:, 0] @ c[:-1] + c[-1], rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(new[:, 0], h[:, 0] + s[:, [0]] * v, rtol=1e-4, atol=1e-4)


def test_module_is_as_before_and_chance_is_one_s_own():
    net = network()
    net.blocks[0].eval()
    before, state = everything(net), torch.random.get_rng_state()
    strength = TokenStrength(n_epochs=2, batch_size=2, random_state=1)
    first = strength.fit(net, TEXTS, vectors(net)).coef_
    second = clone(strength).fit(net, TEXTS, vectors(net)).coef_
    assert_as_before(net, before)
    assert torch.equal(torch.random.get_rng_state(), state)
    for name in NAMES:
        np.testing.assert_array_equal(first[name], second[name])
    with torch.no_grad():
        with strength.steer(net):
            pass
    assert_as_before(net, before)
    with pytest.raises(ValueError, match="token 99, but module returns 11 logits"):
        strength.fit(net, TEXTS, vectors(net), labels=[[99] * len(text) for text in TEXTS])
    assert_as_before(net, before)


def test_padding_does_not_count():
    net = network()
    strength = TokenStrength(n_epochs=3, random_state=0)
    alone = strength.fit(net, TEXTS, vectors(net)).loss_curve_
    np.testing.assert_allclose(
        strength.fit(net, padded(TEXTS, "right"), vectors(net)).loss_curve_[0], alone[0], rtol=1e-5
    )


def test_labels_of_inputs_that_are_no_tokens():
    net = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.Linear(4, 6))
    with pytest.raises(ValueError, match=r"got \(2, 3, 6\) for labels of 2 example\(s\) and 2, 3 token\(s\)"):
        TokenStrength().fit(net, torch.zeros(2, 3, 4), {"0": np.ones(4)}, labels=[[1, 2], [1, 2, 3]])


def test_first_token_behind_padding_has_none_to_be_predicted_from():
    mask = torch.tensor([0, 0, 1, 1, 1])
    row = {"input_ids": torch.tensor([7, 7, 1, 2, 3]), "attention_mask": mask}
    assert _targets(SimpleNamespace(rows=[row]), None)[0].tolist() == [-100, -100, -100, 2, 3]


def test_layers_that_are_called_twice_have_no_one_strength():
    class Twice(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.linear = torch.nn.Embedding(9, 4), torch.nn.Linear(4, 4)

        def forward(self, x):
            return self.linear(self.linear(self.embed(x)))

    strength = TokenStrength(n_epochs=1).fit(Twice(), [[1, 2, 3]], {"linear": np.ones(4)})
    with pytest.raises(ValueError, match="'linear' is called more than once in a pass"):
        strength.strengths(Twice(), [[1, 2, 3]])


def test_labels_that_are_not_asked_for():
    net = network()
    texts = TEXTS[:4]
    labels = [[-100, -100, *text[2:]] for text in texts]
    strength = TokenStrength(n_epochs=1, learning_rate=1e-9, batch_size=9, random_state=0)
    found = strength.fit(net, texts, vectors(net), labels=labels).loss_curve_[0]
    expected = []
    for text in texts:
        with torch.no_grad():
            logits = net.eval()(torch.tensor([text]))[0, 1:-1]
        expected += torch.nn.functional.cross_entropy(logits, torch.tensor(text[2:]), reduction="none").tolist()
    assert found == pytest.approx(np.mean(expected), rel=1e-5)


def test_half_precision_and_a_large_scale_of_states():
    net = network()
    with torch.no_grad():
        for parameter in net.embed.parameters():
            parameter *= 100
    curve = TokenStrength(n_epochs=20, random_state=0).fit(net, TEXTS, vectors(net)).loss_curve_
    assert curve[-1] < curve[0]
    net.to(torch.bfloat16)
    strength = TokenStrength(n_epochs=1, random_state=0).fit(net, TEXTS, vectors(net))
    with strength.steer(net):
        assert net(torch.tensor([[1]])).dtype == torch.bfloat16


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"n_epochs": 0}, ValueError, "n_epochs"),
        ({"learning_rate": -1.0}, ValueError, "learning_rate"),
        ({"batch_size": 0}, ValueError, "batch_size"),
        ({"vectors": {"nowhere": [1.0]}}, ValueError, "no layer 'nowhere'"),
        ({"vectors": {"blocks.0": [1.0, 2.0]}}, ValueError, "has width 2, but the layer returns width 6"),
        ({"vectors": {"blocks.0": [0.0] * WIDTH}}, ValueError, "'blocks.0' is zero: leave that layer out"),
        ({"vectors": {"unused": [1.0] * WIDTH}}, ValueError, "'unused' is not reached"),
        ({"labels": [[1, 2]]}, ValueError, r"labels are of 1 example\(s\), inputs of 5"),
        ({"labels": [[1, *[-100] * (len(text) - 1)] for text in TEXTS]}, ValueError, "no next token to learn from"),
        ({"labels": [[1, 2]] * 5}, ValueError, r"of example \d must be one for each of its \d tokens, got 2"),
        ({"labels": [[-1] * len(text) for text in TEXTS]}, ValueError, "example 0 have -1: only -100 may be negative"),
        ({"labels": [[1.0, 2.0]] * 5}, ValueError, "sequence of whole numbers"),
        ({"inputs": [[1]]}, ValueError, "no next token to learn from"),
    ],
)
def test_bad_input(change, error, message):
    net = network()
    before = everything(net)
    options = {key: change[key] for key in change if key in ("n_epochs", "learning_rate", "batch_size")}
    given = {"inputs": TEXTS, "vectors": vectors(net)} | {k: v for k, v in change.items() if k not in options}
    with pytest.raises(error, match=message):
        TokenStrength(**options).fit(net, **given)
    assert_as_before(net, before)


def test_not_fitted_and_not_connected():
    net = network()
    with pytest.raises(NotFittedError):
        TokenStrength().steer(net)
    with pytest.raises(ValueError, match="depend on none of the layers"):
        TokenStrength().fit(Detached(), TEXTS, {"linear": [1.0] * WIDTH})
    with pytest.raises(ValueError, match="give labels"):
        TokenStrength().fit(torch.nn.Sequential(torch.nn.Linear(2, 2)), torch.zeros(3, 4, 2), [[1.0, 0.0]])


class Detached(torch.nn.Module):
    """Logits that do not depend on the layer."""

    def __init__(self):
        super().__init__()
        self.embed, self.linear = torch.nn.Embedding(11, WIDTH), torch.nn.Linear(WIDTH, WIDTH)

    def forward(self, tokens):
        self.linear(self.embed(tokens))
        return torch.zeros(*tokens.shape, 11)
