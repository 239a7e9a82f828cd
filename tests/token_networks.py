"""Small networks on tokens, whose blocks return what blocks of language models return."""

from collections import OrderedDict, namedtuple

import pytest

torch = pytest.importorskip("torch")
nn = torch.nn

VOCABULARY, WIDTH = 11, 6
Output = namedtuple("Output", ["state", "extra"])


class Block(nn.Module):
    """Mixes tokens causally: each gets the mean of those up to it that the mask keeps."""

    def __init__(self, kind="tensor"):
        super().__init__()
        self.kind = kind
        self.linear = nn.Linear(WIDTH, WIDTH)
        self.dropout = nn.Dropout(0.5)

    def forward(self, h, kept):
        sums = (h * kept).cumsum(1) / kept.cumsum(1).clamp(min=1)
        h = self.dropout(torch.tanh(self.linear(h + sums)))
        return {
            "tensor": h,
            "tuple": (h, "more"),
            "named tuple": Output(h, "more"),
            "mapping": OrderedDict(state=h, extra="more"),
        }[self.kind]


class TokenNetwork(nn.Module):
    """Embedding, blocks and a head, as a causal language model."""

    def __init__(self, kinds=("tensor", "tuple", "named tuple", "mapping"), seed=0):
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.embed = nn.Embedding(VOCABULARY, WIDTH)
            self.blocks = nn.ModuleList(Block(kind) for kind in kinds)
            self.head = nn.Linear(WIDTH, VOCABULARY)
        self.unused = nn.Linear(WIDTH, WIDTH)
        self.calls = 0

    def forward(self, input_ids, attention_mask=None):
        self.calls += 1
        kept = torch.ones_like(input_ids) if attention_mask is None else attention_mask
        h = self.embed(input_ids)
        for block in self.blocks:
            h = state_of(block(h, kept[..., None].to(h)))
        return self.head(h)


def state_of(output):
    """The first of what a block returns."""
    if isinstance(output, dict):
        return output["state"]
    return output[0] if isinstance(output, tuple) else output


def states_by_hand(net, tokens):
    """Outputs of all blocks for one text, (tokens, layers, width)."""
    net = net.eval()
    with torch.no_grad():
        h, kept, states = net.embed(torch.tensor([tokens])), torch.ones(1, len(tokens), 1), []
        for block in net.blocks:
            h = state_of(block(h, kept.to(h)))
            states.append(h[0])
    return torch.stack(states, 1).numpy()


def padded(texts, side):
    """Texts of different length as a dict of tensors with a mask."""
    length = max(map(len, texts))

    def pad(row, value):
        more = [value] * (length - len(row))
        return [*row, *more] if side == "right" else [*more, *row]

    return {
        "input_ids": torch.tensor([pad(text, 7) for text in texts]),
        "attention_mask": torch.tensor([pad([1] * len(text), 0) for text in texts]),
    }


def everything(net):
    """What must be as before after a call."""
    hooks = [len(part._forward_hooks) for part in net.modules()]
    flags = [part.training for part in net.modules()]
    learned = [(p.requires_grad, p.grad, p.detach().clone()) for p in net.parameters()]
    return hooks, flags, learned


def assert_as_before(net, before):
    """Hooks, training flags, parameters and their gradients."""
    hooks, flags, learned = everything(net)
    assert hooks == before[0] and flags == before[1]
    for (requires, grad, value), (requires_then, grad_then, value_then) in zip(learned, before[2], strict=True):
        assert requires == requires_then and grad is grad_then
        assert torch.equal(value, value_then)
