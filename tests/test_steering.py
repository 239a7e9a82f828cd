"""Steering adds vectors to what layers return, and to nothing else."""

import warnings

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from token_networks import WIDTH, TokenNetwork, assert_as_before, everything  # noqa: E402

from rfmlearn.concepts import record_activations, steer  # noqa: E402

nn = torch.nn
TEXT = torch.tensor([[1, 2, 3], [4, 5, 6]])
V = np.random.default_rng(0).normal(size=(4, WIDTH))
BLOCKS = [f"blocks.{k}" for k in range(4)]
KINDS = ("tensor", "tuple", "named tuple", "mapping")


def last(net, **options):
    return record_activations(net, TEXT, **options)


@pytest.mark.parametrize("k", range(4), ids=KINDS)
@pytest.mark.parametrize("token", [0, 1, 2])
def test_vector_is_added_at_every_token_whatever_a_layer_returns(k, token):
    net = TokenNetwork()
    plain = last(net, token=token)
    with steer(net, {BLOCKS[k]: V[k]}, 2.0):
        steered = last(net, token=token)
    np.testing.assert_array_equal(steered[:, :k], plain[:, :k])
    np.testing.assert_allclose(steered[:, k], plain[:, k] + 2 * V[k], rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(last(net, token=token), plain)


@pytest.mark.parametrize(
    ("vectors", "options"),
    [
        (dict(zip(BLOCKS, V, strict=True)), {}),
        (V, {}),
        (V.tolist(), {"layers": BLOCKS}),
        (torch.tensor(V), {}),
        (dict(zip(BLOCKS, torch.tensor(V, requires_grad=True), strict=True)), {}),
    ],
    ids=["dict", "default layers", "list", "tensor", "dict of tensors"],
)
def test_forms_of_vectors_and_strengths(vectors, options):
    net = TokenNetwork().eval()
    with torch.no_grad():
        with steer(net, V, 0.5):
            expected = net(TEXT)
        by_layer = dict.fromkeys(BLOCKS, 0.5)
        for strength in (0.5, np.float32(0.5), [0.5] * 4, torch.full((4,), 0.5), by_layer):
            with steer(net, vectors, strength, **options):
                assert torch.equal(net(TEXT), expected)
        assert not torch.allclose(net(TEXT), expected)


def test_strength_by_layer_and_zero_changes_no_bit():
    net = TokenNetwork().eval()
    with steer(net, V, [0, 1, 0, 0]):
        some = net(TEXT)
    with steer(net, {BLOCKS[1]: V[1]}):
        assert torch.equal(net(TEXT), some)
    negative_zero = nn.Sequential(nn.Identity())
    with steer(negative_zero, [1.0], 0.0):
        assert torch.signbit(negative_zero(torch.tensor([-0.0]))).all()
    with steer(net, V, 0):
        zero = net(TEXT)
    assert torch.equal(zero, net(TEXT))


def test_nested_concepts_add_up_and_a_context_can_be_used_again():
    net = TokenNetwork().eval()
    first, second = steer(net, V), steer(net, {BLOCKS[1]: V[0]}, -0.5)
    sums = V.copy()
    sums[1] -= 0.5 * V[0]
    with steer(net, sums):
        expected = net(TEXT)
    for _ in range(2):
        with first, second:
            torch.testing.assert_close(net(TEXT), expected)
    with first, first, steer(net, V, -1):
        twice = net(TEXT)
    with first:
        torch.testing.assert_close(net(TEXT), twice)


def test_dtype_follows_the_output():
    net = TokenNetwork().to(torch.bfloat16).eval()
    with steer(net, V):
        assert net(TEXT).dtype == torch.bfloat16


def test_gradients_pass():
    net = TokenNetwork().eval()
    with steer(net, V):
        net(TEXT).sum().backward()
    assert net.embed.weight.grad.abs().sum() > 0


def test_module_is_as_before_also_after_errors():
    net = TokenNetwork()
    before = everything(net)
    with pytest.raises(RuntimeError, match="mine"), steer(net, V):
        raise RuntimeError("mine")
    with pytest.raises(ValueError, match=r"layer 'blocks\.0' has width 5, but the layer returns width 6"):
        with steer(net, V[:, :5]):
            net(TEXT)
    assert_as_before(net, before)


@pytest.mark.parametrize(
    ("vectors", "options", "error", "message"),
    [
        ({"block.0": V[0]}, {}, ValueError, "no layer 'block.0'; did you mean 'blocks.0'"),
        ({}, {}, ValueError, "vectors is empty"),
        ({BLOCKS[0]: V[0]}, {"layers": BLOCKS[:1]}, ValueError, "layers must not be given"),
        (V[:3], {}, ValueError, r"vectors have 3 row\(s\) for 4 layer\(s\)"),
        (V[None], {}, ValueError, r"got shape \(1, 4, 6\)"),
        ({BLOCKS[0]: V}, {}, ValueError, r"must be of shape \(width,\), got shape \(4, 6\)"),
        ({BLOCKS[0]: [np.nan] * WIDTH}, {}, ValueError, "'blocks.0' contains NaN or infinity"),
        ({BLOCKS[0]: ["a"]}, {}, TypeError, "must be numbers"),
        ({"head": V[0]}, {}, ValueError, "'head' has width 6, but the layer returns width 11"),
        ({"embed": V[0, :5]}, {}, ValueError, "'embed' has width 5, but the layer returns width 6"),
        (V, {"strength": [1.0, 2.0]}, ValueError, r"one for each of 4 layers, got shape \(2,\)"),
        (V, {"strength": np.inf}, ValueError, "strength must be finite, got inf"),
        (V, {"strength": {"blocks.0": 1.0}}, ValueError, "only one of them has 'blocks.1'"),
        (V, {"strength": "much"}, TypeError, "strength must be numbers"),
    ],
)
def test_errors_before_anything_runs(vectors, options, error, message):
    net = TokenNetwork()
    with pytest.raises(error, match=message):
        steer(net, vectors, **options)
    assert net.calls == 0


def test_whole_numbers_cannot_be_steered():
    net = nn.Sequential(nn.Identity())
    with pytest.raises(TypeError, match=r"'0' returns torch.int64 and no floating"), steer(net, [[1.0, 1.0]]):
        net(torch.tensor([[1, 2]]))
    with pytest.raises(TypeError, match=r"must be a torch\.nn\.Module"):
        steer(None, V)


def test_vectors_too_long_for_the_dtype():
    net = nn.Sequential(nn.Identity())
    with pytest.raises(ValueError, match=r"layer '0' is 1e\+06, too much for torch\.float16"):
        with steer(net, {"0": [1.0, -1.0]}, 1e6):
            net(torch.zeros(1, 2).half())


def test_layers_that_are_not_reached_are_told_of():
    class Attention(nn.Module):
        def __init__(self):
            super().__init__()
            self.attention = nn.MultiheadAttention(4, 1, batch_first=True)

        def forward(self, x):
            return self.attention(x, x, x)[0]

    net, X = Attention(), torch.ones(1, 3, 4)
    with pytest.warns(UserWarning, match=r"'attention\.out_proj' was not reached while the module ran") as caught:
        with steer(net, {"attention.out_proj": np.ones(4)}):
            net(X)
    assert caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with steer(net, {"attention.out_proj": np.ones(4)}):
            net.attention(X, X, X)  # a part alone
        with steer(net, {"attention": np.ones(4)}):
            net(X)
    assert not net._forward_hooks


def test_vectors_of_any_dtype_and_layers_with_attributes_of_their_own():
    class Backbone(nn.Module):
        out_features = ("stage1",)

        def forward(self, x):
            return x + 0

    net = nn.Sequential(Backbone(), nn.Identity())
    for vectors in ([torch.ones(4, requires_grad=True)] * 2, [torch.ones(4).bfloat16()] * 2, torch.ones(2, 4).half()):
        with steer(net, vectors, layers=["0", "1"]):
            np.testing.assert_array_equal(net(torch.zeros(1, 4)), [[2.0] * 4])
    with pytest.raises(TypeError, match="vector of layer '0' must be numbers"):
        steer(net, {"0": torch.ones(4, device="meta")})
