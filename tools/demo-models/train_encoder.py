"""Trains the demo encoder (a small BERT, E5 conventions) with InfoNCE and exports it to ONNX.

    python3 tools/demo-models/train_encoder.py --data DIR --steps 2000

A batch holds pairs of one world: the other passages of that world are the negatives. Needs torch >= 1.13, numpy, onnx.
"""
import argparse, json, os, time
from glob import glob
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

p = argparse.ArgumentParser()
p.add_argument("--data", default=".cache/demo-models")
p.add_argument("--steps", type=int, default=2000)
p.add_argument("--batch", type=int, default=96)
p.add_argument("--hidden", type=int, default=128)
p.add_argument("--layers", type=int, default=2)
p.add_argument("--heads", type=int, default=4)
p.add_argument("--vocab", type=int, default=3072)
p.add_argument("--lr", type=float, default=1.5e-3)
p.add_argument("--temperature", type=float, default=0.05)
p.add_argument("--seed", type=int, default=11)
p.add_argument("--threads", type=int, default=1)
args = p.parse_args()
torch.set_num_threads(args.threads)
torch.set_flush_denormal(True)
torch.manual_seed(args.seed)
rng = np.random.default_rng(args.seed)
out = f"{args.data}/encoder"
os.makedirs(f"{out}/onnx", exist_ok=True)
QUERY, PASSAGE, POSITIONS = 48, 112, 256
H = args.hidden


class Layer(nn.Module):
    def __init__(self):
        super().__init__()
        self.query, self.key, self.value, self.dense = (nn.Linear(H, H) for _ in range(4))
        self.norm1, self.norm2 = nn.LayerNorm(H, eps=1e-12), nn.LayerNorm(H, eps=1e-12)
        self.up, self.down = nn.Linear(H, 4 * H), nn.Linear(4 * H, H)

    def forward(self, x, bias):
        B, T, _ = x.shape
        split = lambda y: y.view(B, T, args.heads, H // args.heads).transpose(1, 2)
        q, k, v = split(self.query(x)), split(self.key(x)), split(self.value(x))
        att = torch.softmax(q @ k.transpose(-1, -2) * (H // args.heads) ** -0.5 + bias, -1) @ v
        x = self.norm1(x + self.dense(att.transpose(1, 2).reshape(B, T, H)))
        return self.norm2(x + self.down(F.gelu(self.up(x))))


class Bert(nn.Module):
    def __init__(self):
        super().__init__()
        self.word = nn.Embedding(args.vocab, H)
        self.position = nn.Embedding(POSITIONS, H)
        self.token_type = nn.Embedding(2, H)
        self.norm = nn.LayerNorm(H, eps=1e-12)
        self.layers = nn.ModuleList(Layer() for _ in range(args.layers))
        for w in (self.word, self.position, self.token_type):
            nn.init.normal_(w.weight, std=0.05)

    def forward(self, input_ids, attention_mask, token_type_ids):
        T = input_ids.shape[1]
        x = self.norm(self.word(input_ids) + self.position.weight[:T] + self.token_type(token_type_ids))
        bias = (1.0 - attention_mask[:, None, None, :].to(x.dtype)) * -1e9
        for layer in self.layers:
            x = layer(x, bias)
        return x


def embed(model, ids):
    ids = ids[:, : int((ids > 0).sum(1).max())]
    mask = (ids > 0).long()
    h = model(ids, mask, torch.zeros_like(ids))
    m = mask[..., None].to(h.dtype)
    return F.normalize((h * m).sum(1) / m.sum(1), dim=-1)


def load(f):
    q = torch.from_numpy(np.fromfile(f + ".queries.u16", np.uint16).astype(np.int64).reshape(-1, QUERY))
    g = torch.from_numpy(np.fromfile(f + ".golds.u16", np.uint16).astype(np.int64))
    d = torch.from_numpy(np.fromfile(f + ".passages.u16", np.uint16).astype(np.int64).reshape(-1, PASSAGE))
    return q, g, d


model = Bert()
optim = torch.optim.AdamW(model.parameters(), lr=args.lr, betas=(0.9, 0.98), weight_decay=0.01)
files = sorted(f[: -len(".golds.u16")] for f in glob(f"{args.data}/pairs/*.golds.u16"))
train, held_out = files[:-3], files[-3:]
log = open(f"{out}/train.log", "w")


def say(text):
    print(text, flush=True)
    log.write(text + "\n")
    log.flush()


@torch.no_grad()
def recall():
    at1 = at3 = n = 0
    for f in held_out:
        q, g, d = load(f)
        top = (embed(model, q) @ embed(model, d).t()).topk(3).indices
        at1 += int((top[:, 0] == g).sum())
        at3 += int((top == g[:, None]).any(1).sum())
        n += len(g)
    return at1 / n, at3 / n


say(f"parameters {sum(w.numel() for w in model.parameters())} seed {args.seed} steps {args.steps}")
began, total = time.time(), 0.0
for step in range(1, args.steps + 1):
    scale = min(1, step / 100) * max(0.02, 1 - step / args.steps)
    for group in optim.param_groups:
        group["lr"] = args.lr * scale
    q, g, d = load(train[int(rng.integers(len(train)))])
    pick = torch.from_numpy(rng.permutation(len(g))[: args.batch])
    q, g = q[pick], g[pick]
    negatives = torch.from_numpy(rng.permutation(len(d))[: args.batch // 2])
    pool, inverse = torch.unique(torch.cat((g, negatives)), return_inverse=True)
    scores = embed(model, q) @ embed(model, d[pool]).t() / args.temperature
    loss = F.cross_entropy(scores, inverse[: len(g)])
    optim.zero_grad(set_to_none=True)
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optim.step()
    total += loss.item()
    if step % 50 == 0:
        extra = "held-out recall@1 %.3f @3 %.3f" % recall() if step % 100 == 0 else ""
        say(f"step {step} loss {total / 50:.4f} {time.time() - began:.0f} s {extra}")
        total = 0.0

model.eval()
torch.save(model.state_dict(), f"{out}/model.pt")
ids = torch.randint(5, 100, (2, 16))
torch.onnx.export(
    model, (ids, torch.ones_like(ids), torch.zeros_like(ids)), f"{out}/onnx/model.onnx",
    input_names=["input_ids", "attention_mask", "token_type_ids"], output_names=["last_hidden_state"],
    dynamic_axes={n: {0: "batch", 1: "sequence"} for n in ("input_ids", "attention_mask", "token_type_ids", "last_hidden_state")},
    opset_version=14,
)
json.dump(
    dict(
        architectures=["BertModel"], model_type="bert", vocab_size=args.vocab, hidden_size=H, num_hidden_layers=args.layers,
        num_attention_heads=args.heads, intermediate_size=4 * H, hidden_act="gelu", max_position_embeddings=POSITIONS,
        type_vocab_size=2, layer_norm_eps=1e-12, pad_token_id=0,
    ),
    open(f"{out}/config.json", "w"), indent=2,
)
say("exported")
