"""Activations that are recorded are those of each example on its own."""

import sys

import numpy as np
import pandas as pd
import pytest

torch = pytest.importorskip("torch")

from token_networks import WIDTH, TokenNetwork, assert_as_before, everything, padded, states_by_hand  # noqa: E402

from rfmlearn.concepts import TokenStrength, record_activations, steer  # noqa: E402
from rfmlearn.concepts._examples import Examples  # noqa: E402

nn = torch.nn
TEXTS = [[1, 2, 3], [4, 5], [6, 7, 8, 9], [3, 2, 1], [10]]
BLOCKS = [f"blocks.{k}" for k in range(4)]
CHOSEN = {
    "last": lambda s: s[-1],
    "mean": lambda s: s.mean(0),
    "all": lambda s: s,
    0: lambda s: s[0],
    -1: lambda s: s[-1],
}


def forms():
    yield "list of lists", TEXTS
    yield "list of tensors", [torch.tensor(text) for text in TEXTS]
    yield "list of dicts", [{"input_ids": np.array(text)} for text in TEXTS]
    yield "dict of lists", {"input_ids": TEXTS, "attention_mask": [[1] * len(text) for text in TEXTS]}
    yield "padded on the right", padded(TEXTS, "right")
    yield "padded on the left", padded(TEXTS, "left")


@pytest.mark.parametrize("token", CHOSEN)
@pytest.mark.parametrize(("form", "inputs"), forms(), ids=lambda form: form if isinstance(form, str) else "")
@pytest.mark.parametrize("batch_size", [2, 32])
def test_as_of_each_text_alone(form, inputs, token, batch_size):
    net = TokenNetwork()
    found = record_activations(net, inputs, token=token, batch_size=batch_size)
    assert len(found) == len(TEXTS)
    for state, text in zip(found, TEXTS, strict=True):
        np.testing.assert_allclose(state, CHOSEN[token](states_by_hand(net, text)), rtol=1e-5, atol=1e-6)


def test_layers_in_the_order_asked_for():
    net = TokenNetwork()
    default = record_activations(net, TEXTS)
    assert default.shape == (5, 4, WIDTH) and default.dtype == np.float32
    np.testing.assert_array_equal(record_activations(net, TEXTS, [BLOCKS[3], BLOCKS[0]]), default[:, [3, 0]])
    np.testing.assert_array_equal(record_activations(net, TEXTS, BLOCKS[2]), default[:, [2]])
    assert record_activations(net, TEXTS, "head").shape == (5, 1, 11)


def test_default_is_the_longest_list_outside_of_others():
    net = TokenNetwork(["tensor", "tensor"])
    net.blocks[0].experts = nn.ModuleList(nn.Linear(1, 1) for _ in range(9))
    net.few = nn.ModuleList([nn.Linear(1, 1)])
    assert record_activations(net, TEXTS).shape[1] == 2


def test_rows_without_tokens_and_sequences_of_modules():
    net = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 4)).double()
    X = np.random.default_rng(0).normal(size=(7, 3))
    found = record_activations(net, X, batch_size=3)
    assert found.shape == (7, 2, 4) and found.dtype == np.float64
    np.testing.assert_allclose(found[:, 1], net(torch.tensor(X)).detach().numpy())
    np.testing.assert_allclose(record_activations(net, torch.tensor(X), token="mean"), found)
    assert [state.shape for state in record_activations(net, X, token="all")] == [(1, 2, 4)] * 7


def test_low_precision_becomes_float32():
    net = TokenNetwork().to(torch.bfloat16)
    assert record_activations(net, TEXTS).dtype == np.float32


def test_what_is_written_over_later_was_recorded_before():
    net = nn.Sequential(nn.Linear(3, 4), nn.ReLU(inplace=True))
    X = torch.randn(5, 3, generator=torch.Generator().manual_seed(0))
    found = record_activations(net, X)
    np.testing.assert_allclose(found[:, 0], net[0](X).detach().numpy(), rtol=1e-6)
    assert (found[:, 0] < 0).any() and (found[:, 1] >= 0).all()


def test_module_is_as_before_and_dropout_off():
    net = TokenNetwork()
    net.blocks[1].eval()
    net.head.weight.requires_grad_(False)
    before = everything(net)
    np.testing.assert_array_equal(record_activations(net, TEXTS), record_activations(net, TEXTS))
    assert_as_before(net, before)
    with pytest.raises(IndexError):
        record_activations(net, [[99]])
    with pytest.raises(ValueError, match="not reached"):
        record_activations(net, TEXTS, ["blocks.0", "unused"])
    assert_as_before(net, before)


@pytest.mark.parametrize(
    ("layers", "error", "message"),
    [
        ("block.0", ValueError, r"no layer 'block\.0'; did you mean 'blocks\.0'.*Its layers are 'embed', 'blocks'"),
        (["blocks.0", "xyz"], ValueError, "no layer 'xyz'; Its layers are"),
        (["blocks.0", "blocks.0"], ValueError, "'blocks.0' twice"),
        ([], ValueError, "layers is empty"),
        ([3], TypeError, "must be names of sub-modules, got 3"),
        (["blocks.0", "head"], ValueError, r"different widths, 6: blocks\.0; 11: head: record them apart"),
        ("unused", ValueError, "'unused' is not reached"),
    ],
)
def test_bad_layers(layers, error, message):
    net = TokenNetwork()
    with pytest.raises(error, match=message):
        record_activations(net, TEXTS, layers)


@pytest.mark.parametrize(
    ("inputs", "options", "error", "message"),
    [
        ([], {}, ValueError, "no example"),
        ({}, {}, ValueError, "dict without a tensor"),
        ("text", {}, TypeError, "got a str"),
        ([1, 2, 3], {}, ValueError, r"inputs\[0\] is a single number"),
        ([["a"]], {}, TypeError, r"inputs\[0\] must be numbers"),
        (torch.tensor(3), {}, ValueError, "single number"),
        ({"input_ids": [[1], [2]], "attention_mask": [[1]]}, {}, ValueError, "as many examples under every name"),
        ({"input_ids": [[1, 2]], "attention_mask": [[0, 0]]}, {}, ValueError, "example 0 has no token"),
        (TEXTS, {"token": "first"}, ValueError, "token must be 'last'"),
        (TEXTS, {"token": True}, ValueError, "token must be 'last'"),
        (TEXTS, {"token": 2}, ValueError, r"token is 2, but example 1 has 2 token\(s\)"),
        (TEXTS, {"batch_size": 0}, ValueError, "batch_size"),
    ],
)
def test_bad_inputs(inputs, options, error, message):
    with pytest.raises(error, match=message):
        record_activations(TokenNetwork(), inputs, **options)


def test_bad_modules():
    with pytest.raises(TypeError, match=r"must be a torch\.nn\.Module, got a function"):
        record_activations(lambda x: x, [[1.0]])
    with pytest.raises(ValueError, match=r"has no torch\.nn\.ModuleList or Sequential"):
        record_activations(nn.Linear(2, 2), torch.zeros(1, 2))
    lstm = nn.Sequential(nn.LSTM(2, 2, batch_first=True))
    assert record_activations(lstm, torch.zeros(3, 4, 2)).shape == (3, 1, 2)

    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear, self.odd = nn.Linear(2, 2), nn.Identity()

        def forward(self, x):
            self.odd({"none": None})
            return self.linear(self.linear(x))

    with pytest.raises(ValueError, match="'linear' is called more than once"):
        record_activations(Twice(), torch.zeros(1, 2), "linear")
    with pytest.raises(TypeError, match="'odd' returns a dict whose first part is no tensor, but a NoneType"):
        record_activations(Twice(), torch.zeros(1, 2), "odd")
    images = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU())
    with pytest.raises(ValueError, match=r"'1' must return .*got shape \(1, 2, 3, 3\) for 1 example"):
        record_activations(images, torch.zeros(1, 1, 5, 5), "1")
    with pytest.raises(ValueError, match="'0' is a convolution, whose channels do not lie along the last axis"):
        record_activations(nn.Sequential(nn.Conv1d(3, 4, 1)), torch.zeros(2, 3, 7))
    with pytest.raises(ValueError, match=r"'0\.weight' of module lies on the device 'meta'"):
        record_activations(nn.Sequential(nn.Linear(2, 2, device="meta")), torch.zeros(1, 2))
    shared = nn.Linear(2, 2)
    with pytest.raises(ValueError, match="layers '0' and '1' are the same module"):
        record_activations(nn.Sequential(shared, shared), torch.zeros(1, 2), ["0", "1"])


def test_complex_outputs_are_refused():
    class Fourier(nn.Module):
        def forward(self, x):
            return torch.fft.fft(x)

    with pytest.raises(TypeError, match="'1' returns complex numbers"):
        record_activations(nn.Sequential(nn.Identity(), Fourier()), torch.zeros(1, 2))


@pytest.mark.filterwarnings("error")
def test_arrays_in_any_form():
    net = nn.Sequential(nn.Linear(4, 3), nn.ReLU())
    X = np.random.default_rng(0).normal(size=(6, 4))
    expected, locked = record_activations(net, X), X.copy()
    locked.setflags(write=False)
    for form in (X.copy()[::-1][::-1], np.asfortranarray(X), X.astype(X.dtype.newbyteorder()), locked, pd.DataFrame(X)):
        np.testing.assert_array_equal(record_activations(net, form), expected)
    np.testing.assert_array_equal(record_activations(net, X[::-1]), expected[::-1])


def test_masks_of_other_tokens_than_those_of_the_layers():
    class Prefixed(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.linear = nn.Embedding(9, 4), nn.Linear(4, 4)

        def forward(self, input_ids, attention_mask):
            h = self.embed(input_ids)
            return self.linear(torch.cat([torch.zeros(len(h), 2, 4), h], dim=1))

    with pytest.raises(ValueError, match=r"of example 0 is for 3 token\(s\), but the layers return 5"):
        record_activations(Prefixed(), {"input_ids": [[1, 2, 3]], "attention_mask": [[1, 1, 0]]}, "linear")


def test_not_finite():
    net = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    X = torch.zeros(3, 2)
    X[1, 0] = torch.nan
    with pytest.raises(ValueError, match="inputs contain NaN or infinity in example 1"):
        record_activations(net, X)
    with torch.no_grad():
        net[1].bias[0] = torch.inf
    with pytest.raises(ValueError, match="layer '1' are NaN or infinite for example 0"):
        record_activations(net, torch.zeros(3, 2))


def test_on_another_device():
    """The meta device has no numbers, but says where inputs are moved."""
    examples = Examples([{"": torch.zeros(2)}], {}, torch.device("meta"), torch.float16)
    ((_, batch),) = examples.batches(1)
    assert batch[""].device.type == "meta" and batch[""].dtype == torch.float16


def test_without_torch(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ImportError, match=r'record_activations needs torch: pip install "rfmlearn\[torch\]"'):
        record_activations(None, [[1.0]])
    with pytest.raises(ImportError, match="steer needs torch"):
        steer(None, [[1.0]])
    with pytest.raises(ImportError, match="TokenStrength needs torch"):
        TokenStrength().fit(None, [[1]], [[1.0]])
