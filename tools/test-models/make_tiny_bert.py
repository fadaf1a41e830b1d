"""Writes tests/fixtures/tiny-bert-onnx: a BERT with random weights, small enough to commit, as ONNX, with a WordPiece
tokenizer, and what PyTorch makes of a few texts (`expected.json`). The encoder's tests compare against it.

    python3 tools/test-models/make_tiny_bert.py tests/fixtures/tiny-bert-onnx

Needs torch >= 1.13. Same seed, same torch: same bytes.
"""
import json
import math
import string
import sys
import unicodedata
from pathlib import Path

import torch
from torch import nn

SEED = 20260914
HIDDEN, LAYERS, HEADS, INNER, POSITIONS, EPS = 32, 2, 4, 64, 256, 1e-12
WORDS = """query passage the a of in on and is was to by for with from at which who what where when river rivers town guild ship
book island mountain lake north south east west old new great first second king queen people year city war house water stone
flows founded wrote built sea captain port bridge harbour road market tower forest valley garden glass song star letter map
it he she they his her their that this as an be are were has had not but one two three four five""".split()
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
TEXTS = [
    'query: which river flows by the old town',
    'passage: "The Aar"\nA river of the north; it flows from the great lake to the sea.',
    'passage: "Guild of Glass"\nThe guild was founded in 1402 by captain Zoë Müller.',
    'query: x',
    'passage: ""\n' + 'the harbour road and the stone bridge were built by the guild of the market town ' * 40,
]


def vocabulary():
    characters = string.ascii_lowercase + string.digits
    tokens = SPECIAL + sorted(set(string.punctuation)) + list(characters) + ["##" + c for c in characters]
    for word in WORDS + ["##s", "##er", "##ing", "##ed", "##ly"]:
        if word not in tokens:
            tokens.append(word)
    return {token: i for i, token in enumerate(tokens)}


def is_punctuation(c):
    return c in string.punctuation or unicodedata.category(c).startswith("P")


def word_pieces(word, vocab):
    pieces, start = [], 0
    while start < len(word):
        end = len(word)
        while end > start and ("##" if start else "") + word[start:end] not in vocab:
            end -= 1
        if end == start:
            return ["[UNK]"]
        pieces.append(("##" if start else "") + word[start:end])
        start = end
    return pieces


def tokenize(text, vocab, max_length):
    """BertNormalizer (lower case, accents off), BertPreTokenizer, WordPiece, [CLS] … [SEP], cut on the right."""
    text = unicodedata.normalize("NFD", text)
    text = "".join(c for c in text if unicodedata.category(c) != "Mn").lower()
    words = "".join(f" {c} " if is_punctuation(c) else c for c in text).split()
    pieces = [p for word in words for p in word_pieces(word, vocab)][: max_length - 2]
    return [vocab[p] for p in ["[CLS]", *pieces, "[SEP]"]]


class Layer(nn.Module):
    def __init__(self):
        super().__init__()
        self.q, self.k, self.v, self.o = (nn.Linear(HIDDEN, HIDDEN) for _ in range(4))
        self.inner, self.outer = nn.Linear(HIDDEN, INNER), nn.Linear(INNER, HIDDEN)
        self.norm1, self.norm2 = nn.LayerNorm(HIDDEN, EPS), nn.LayerNorm(HIDDEN, EPS)

    def forward(self, x, bias):
        batch, length = x.shape[0], x.shape[1]
        split = lambda y: y.view(batch, length, HEADS, HIDDEN // HEADS).transpose(1, 2)
        q, k, v = split(self.q(x)), split(self.k(x)), split(self.v(x))
        weights = torch.softmax(q @ k.transpose(-1, -2) / math.sqrt(HIDDEN // HEADS) + bias, -1)
        x = self.norm1(x + self.o((weights @ v).transpose(1, 2).reshape(batch, length, HIDDEN)))
        return self.norm2(x + self.outer(nn.functional.gelu(self.inner(x))))


class Bert(nn.Module):
    def __init__(self, vocab_size):
        super().__init__()
        self.words, self.types = nn.Embedding(vocab_size, HIDDEN), nn.Embedding(2, HIDDEN)
        self.positions = nn.Embedding(POSITIONS, HIDDEN)
        self.norm = nn.LayerNorm(HIDDEN, EPS)
        self.layers = nn.ModuleList(Layer() for _ in range(LAYERS))

    def forward(self, input_ids, attention_mask, token_type_ids):
        positions = torch.arange(input_ids.shape[1]).unsqueeze(0)
        x = self.norm(self.words(input_ids) + self.positions(positions) + self.types(token_type_ids))
        bias = (1.0 - attention_mask[:, None, None, :].to(x.dtype)) * -10000.0
        for layer in self.layers:
            x = layer(x, bias)
        return x


def write_json(path, value):
    path.write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n")


def main(folder):
    (folder / "onnx").mkdir(parents=True, exist_ok=True)
    torch.manual_seed(SEED)
    vocab = vocabulary()
    model = Bert(len(vocab)).eval()
    # PyTorch's initial embeddings would drown positions and layers; these let every part show in the result.
    for table in (model.words, model.positions, model.types):
        nn.init.normal_(table.weight, std=0.5)

    ids = torch.randint(5, len(vocab), (2, 7))
    ones = torch.ones_like(ids)
    names = ["input_ids", "attention_mask", "token_type_ids"]
    axes = {name: {0: "batch", 1: "length"} for name in [*names, "last_hidden_state"]}
    torch.onnx.export(model, (ids, ones, torch.zeros_like(ids)), str(folder / "onnx" / "model.onnx"), input_names=names,
                      output_names=["last_hidden_state"], dynamic_axes=axes, opset_version=14)

    cases = []
    for text in TEXTS:
        tokens = tokenize(text, vocab, 256)
        ids = torch.tensor([tokens])
        with torch.no_grad():
            hidden = model(ids, torch.ones_like(ids), torch.zeros_like(ids))[0]
        vector = hidden.mean(0)
        vector = vector / vector.norm()
        cases.append({"text": text, "ids": tokens, "vector": [round(v, 7) for v in vector.tolist()]})
    write_json(folder / "expected.json", cases)

    write_json(folder / "config.json", {
        "model_type": "bert", "architectures": ["BertModel"], "hidden_size": HIDDEN, "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS, "intermediate_size": INNER, "max_position_embeddings": POSITIONS,
        "type_vocab_size": 2, "vocab_size": len(vocab), "hidden_act": "gelu", "layer_norm_eps": EPS, "pad_token_id": 0,
    })
    write_json(folder / "tokenizer_config.json", {
        "tokenizer_class": "BertTokenizer", "do_lower_case": True, "model_max_length": POSITIONS, "pad_token": "[PAD]",
        "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]", "mask_token": "[MASK]",
    })
    write_json(folder / "tokenizer.json", {
        "version": "1.0", "truncation": None, "padding": None,
        "added_tokens": [{"id": i, "content": t, "single_word": False, "lstrip": False, "rstrip": False,
                          "normalized": False, "special": True} for i, t in enumerate(SPECIAL)],
        "normalizer": {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "strip_accents": None,
                       "lowercase": True},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}},
                       {"SpecialToken": {"id": "[SEP]", "type_id": 0}}],
            "pair": [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}},
                     {"SpecialToken": {"id": "[SEP]", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}},
                     {"SpecialToken": {"id": "[SEP]", "type_id": 1}}],
            "special_tokens": {t: {"id": t, "ids": [vocab[t]], "tokens": [t]} for t in ("[CLS]", "[SEP]")},
        },
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
        "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
                  "max_input_chars_per_word": 100, "vocab": vocab},
    })


if __name__ == "__main__":
    main(Path(sys.argv[1]))
