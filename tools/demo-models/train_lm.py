"""Trains the demo language model (Qwen2 architecture) on demonstrations, on the CPU.

    python3 tools/demo-models/train_lm.py --data DIR --out DIR --plan short:3000,middle:4000,full:4000

Needs torch >= 1.13 and numpy. Writes checkpoints (resumable), a log, and at the end config.json and model.safetensors (f16).
Hidden matrices are updated with Muon (orthogonalised momentum), the rest with AdamW: on this task Muon reaches the copying
phase in fewer steps.
"""
import argparse, json, math, os, random, struct, time
from glob import glob
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

p = argparse.ArgumentParser()
p.add_argument("--data", default=".cache/demo-models")
p.add_argument("--out", default=".cache/demo-models/lm")
p.add_argument("--plan", default="copy:200,short:4000,middle:2000,full:3000", help="stage:steps,…")
p.add_argument("--batch-tokens", type=int, default=3072)
p.add_argument("--hidden", type=int, default=128)
p.add_argument("--layers", type=int, default=4)
p.add_argument("--heads", type=int, default=4)
p.add_argument("--kv-heads", type=int, default=4)
p.add_argument("--intermediate", type=int, default=384)
p.add_argument("--vocab", type=int, default=3072)
p.add_argument("--lr", type=float, default=3e-3, help="AdamW")
p.add_argument("--muon-lr", type=float, default=0.006)
p.add_argument("--given-weight", type=float, default=0.3)
p.add_argument("--copy-every", type=int, default=3, help="every n-th batch of a later stage is one of copying")
p.add_argument("--seed", type=int, default=7)
p.add_argument("--threads", type=int, default=1)
args = p.parse_args()
torch.set_num_threads(args.threads)
torch.set_flush_denormal(True)
torch.manual_seed(args.seed)
os.makedirs(args.out, exist_ok=True)
EPS, THETA, HEAD = 1e-6, 10000.0, args.hidden // args.heads


class RMSNorm(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(n))

    def forward(self, x):
        return self.weight * x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + EPS)


def rotate(x, cos, sin):
    a, b = x.chunk(2, -1)
    return x * cos + torch.cat((-b, a), -1) * sin


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        h, kv = args.hidden, args.kv_heads * HEAD
        self.q_proj, self.k_proj, self.v_proj = nn.Linear(h, h), nn.Linear(h, kv), nn.Linear(h, kv)
        self.o_proj = nn.Linear(h, h, bias=False)

    def forward(self, x, cos, sin, bias):
        B, T, _ = x.shape
        split = lambda y, n: y.view(B, T, n, HEAD).transpose(1, 2)
        q = rotate(split(self.q_proj(x), args.heads), cos, sin)
        k = rotate(split(self.k_proj(x), args.kv_heads), cos, sin)
        v = split(self.v_proj(x), args.kv_heads)
        rep = args.heads // args.kv_heads
        k, v = k.repeat_interleave(rep, 1), v.repeat_interleave(rep, 1)
        att = torch.softmax(torch.matmul(q * HEAD**-0.5, k.transpose(-1, -2)) + bias, -1)
        return self.o_proj(torch.matmul(att, v).transpose(1, 2).reshape(B, T, args.hidden))


class MLP(nn.Module):
    def __init__(self):
        super().__init__()
        self.gate_proj = nn.Linear(args.hidden, args.intermediate, bias=False)
        self.up_proj = nn.Linear(args.hidden, args.intermediate, bias=False)
        self.down_proj = nn.Linear(args.intermediate, args.hidden, bias=False)

    def forward(self, x):
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class Layer(nn.Module):
    def __init__(self):
        super().__init__()
        self.input_layernorm, self.self_attn = RMSNorm(args.hidden), Attention()
        self.post_attention_layernorm, self.mlp = RMSNorm(args.hidden), MLP()

    def forward(self, x, *a):
        x = x + self.self_attn(self.input_layernorm(x), *a)
        return x + self.mlp(self.post_attention_layernorm(x))


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed_tokens = nn.Embedding(args.vocab, args.hidden)
        self.layers = nn.ModuleList(Layer() for _ in range(args.layers))
        self.norm = RMSNorm(args.hidden)
        inv = THETA ** (-torch.arange(0, HEAD, 2).float() / HEAD)
        angle = torch.outer(torch.arange(2048).float(), inv)
        self.register_buffer("cos", torch.cat((angle, angle), -1).cos(), persistent=False)
        self.register_buffer("sin", torch.cat((angle, angle), -1).sin(), persistent=False)
        self.register_buffer("causal", torch.full((2048, 2048), float("-inf")).triu(1), persistent=False)
        for name, w in self.named_parameters():
            if w.dim() == 2:
                nn.init.normal_(w, std=0.09 if "embed" in name else w.shape[1] ** -0.5)
            elif name.endswith("bias"):
                nn.init.zeros_(w)
            if name.endswith(("o_proj.weight", "down_proj.weight")):
                w.data.zero_()

        self.plant_copying_heads(inv)

    @torch.no_grad()
    def plant_copying_heads(self, inv):
        """Starts two heads of layer 0 as "the token one (two) before" and two of layer 1 as "what followed the last time".

        From a blank start these heads take millions of tokens to appear (a plateau, then a sudden drop); planted, copying
        is learnt from the first step and the rest of training can go into searching and reading. Three orthogonal
        subspaces of the residual stream hold the token itself, the one before, and the one before that.
        """
        n = 20  # dimensions of a match: the ten slowest pairs of RoPE, which tell tokens apart at any distance
        basis = torch.linalg.qr(torch.randn(args.hidden, args.hidden))[0]
        before, before2, own = basis[:, :n], basis[:, n : 2 * n], basis[:, 2 * n :]
        w = self.embed_tokens.weight
        w.copy_(w @ own @ own.t())
        spread = torch.linalg.qr(torch.randn(own.shape[1], own.shape[1]))[0]
        token = own @ spread[:, :n]
        copied = own @ torch.linalg.qr(torch.randn(own.shape[1], own.shape[1]))[0][:, :HEAD]
        slow = list(range(HEAD // 2 - n // 2, HEAD // 2)) + list(range(HEAD - n // 2, HEAD))
        first, second = self.layers[0].self_attn, self.layers[1].self_attn
        for head, (offset, space) in enumerate(((1, before), (2, before2))):
            rows = slice(head * HEAD, (head + 1) * HEAD)
            for proj in (first.q_proj, first.k_proj):
                proj.weight[rows] = 0
            first.k_proj.bias[rows] = torch.cat((torch.ones(HEAD // 2), torch.zeros(HEAD // 2))) * 5.8
            first.q_proj.bias[rows] = torch.cat((torch.cos(inv * offset), -torch.sin(inv * offset))) * 5.8
            first.v_proj.weight[rows] = 0
            first.v_proj.weight[head * HEAD : head * HEAD + n] = token.t()
            first.o_proj.weight[:, rows] = 0
            first.o_proj.weight[:, head * HEAD : head * HEAD + n] = space * 0.2
        # Head 0: my token against the one before the key. Head 1: the one before me against the one two before the key.
        for head, (mine, theirs) in enumerate(((token, before), (before, before2))):
            rows = slice(head * HEAD, (head + 1) * HEAD)
            for proj, space in ((second.q_proj, mine), (second.k_proj, theirs)):
                proj.weight[rows] = 0
                proj.weight[[head * HEAD + i for i in slow]] = 1.5 * space.t()
            second.v_proj.weight[rows] = copied.t()
            second.o_proj.weight[:, rows] = copied * 0.3

    def forward(self, ids):
        T = ids.shape[1]
        x = self.embed_tokens(ids)
        for layer in self.layers:
            x = layer(x, self.cos[:T], self.sin[:T], self.causal[:T, :T])
        return self.norm(x)


class Muon:
    """Momentum, orthogonalised by five Newton-Schulz steps (Jordan et al., 2024)."""

    def __init__(self, params, lr):
        self.params, self.lr, self.m = list(params), lr, None

    @torch.no_grad()
    def step(self, scale):
        self.m = self.m or [torch.zeros_like(w) for w in self.params]
        for w, m in zip(self.params, self.m):
            m.mul_(0.95).add_(w.grad)
            g = w.grad + 0.95 * m
            t = g.shape[0] > g.shape[1]
            y = (g.t() if t else g) / (g.norm() + 1e-7)
            for _ in range(5):
                a = y @ y.t()
                y = 3.4445 * y + (-4.7750 * a + 2.0315 * a @ a) @ y
            y = y.t() if t else y
            w.mul_(1 - self.lr * scale * 0.01).add_(y, alpha=-self.lr * scale * max(1, w.shape[0] / w.shape[1]) ** 0.5)


def copying(rng):
    """Random tokens in segments of a name's length, half of them repeats of earlier ones: only repeats count.
    On natural episodes alone the copying heads took millions of tokens to appear; here they form within minutes."""
    while True:
        length = rng.choice((64, 128, 256))
        rows, own = [], []
        for _ in range(args.batch_tokens // length):
            row, mask, segments = [], [], []
            while len(row) <= length:
                if segments and rng.random() < 0.5:
                    seg = rng.choice(segments[-rng.choice((4, 16, 64)) :])
                    mask += [0] + [1] * (len(seg) - 1)
                else:
                    seg = [rng.randrange(256, args.vocab - 13) for _ in range(rng.randint(2, 8))]
                    segments.append(seg)
                    mask += [0] * len(seg)
                row += seg
            rows.append(row[: length + 1])
            own.append(mask[: length + 1])
        ids, m = torch.tensor(rows), torch.tensor(own).bool()
        yield ids[:, :-1], ids[:, 1:], m[:, 1:], torch.ones_like(m[:, 1:])


def batches(stage, rng, skip):
    """Endless batches of similar lengths; a shard is read once before any is read again."""
    n = 0
    while True:
        files = sorted(f[: -len(".lengths.u32")] for f in glob(f"{args.data}/{stage}/*.lengths.u32"))
        for group in range(0, len(files), 4):
            seqs = []
            for f in files[group : group + 4]:
                lengths = np.fromfile(f + ".lengths.u32", np.uint32)
                ends = np.cumsum(lengths)
                parts = [np.fromfile(f + e, t) for e, t in ((".inputs.u16", np.uint16), (".targets.u16", np.uint16), (".own.u8", np.uint8))]
                seqs += [tuple(a[e - l : e].astype(np.int64) for a in parts) for l, e in zip(lengths, ends)]
            seqs.sort(key=lambda s: len(s[0]) + rng.random() * 20)
            chunks, cur = [], []
            for s in seqs:
                if cur and (len(cur) + 1) * max(len(s[0]), len(cur[-1][0])) > args.batch_tokens:
                    chunks.append(cur)
                    cur = []
                cur.append(s)
            if cur:
                chunks.append(cur)
            rng.shuffle(chunks)
            for c in chunks:
                n += 1
                if n > skip:
                    T = max(len(s[0]) for s in c)
                    pad = lambda i: torch.from_numpy(np.stack([np.pad(s[i], (0, T - len(s[i]))) for s in c]))
                    valid = torch.from_numpy(np.stack([np.arange(T) < len(s[0]) for s in c]))
                    yield pad(0), pad(1), pad(2).bool() & valid, valid


def save_safetensors(path, tensors):
    header, offset, blobs = {}, 0, []
    for name, t in tensors.items():
        blob = t.detach().to(torch.float16).contiguous().numpy().tobytes()
        header[name] = {"dtype": "F16", "shape": list(t.shape), "data_offsets": [offset, offset + len(blob)]}
        offset += len(blob)
        blobs.append(blob)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + b"".join(blobs))


def export(model):
    save_safetensors(f"{args.out}/model.safetensors", {f"model.{k}": v for k, v in model.state_dict().items()})
    config = dict(
        architectures=["Qwen2ForCausalLM"], model_type="qwen2", vocab_size=args.vocab, hidden_size=args.hidden,
        intermediate_size=args.intermediate, num_hidden_layers=args.layers, num_attention_heads=args.heads,
        num_key_value_heads=args.kv_heads, hidden_act="silu", max_position_embeddings=2048, rms_norm_eps=EPS,
        rope_theta=THETA, tie_word_embeddings=True, torch_dtype="float16", bos_token_id=None,
        eos_token_id=args.vocab - 11, pad_token_id=args.vocab - 13, use_sliding_window=False,
    )
    json.dump(config, open(f"{args.out}/config.json", "w"), indent=2)


model = Model()
matrices = [w for n, w in model.named_parameters() if w.dim() == 2 and "embed" not in n]
others = [w for n, w in model.named_parameters() if w.dim() != 2 or "embed" in n]
muon = Muon(matrices, args.muon_lr)
adam = torch.optim.AdamW(others, lr=args.lr, betas=(0.9, 0.95), weight_decay=0.01)
plan = [(s.split(":")[0], int(s.split(":")[1])) for s in args.plan.split(",")]
total = sum(n for _, n in plan)
log = open(f"{args.out}/train.log", "a")


def say(text):
    print(text, flush=True)
    log.write(text + "\n")
    log.flush()


start, ckpt = 0, f"{args.out}/checkpoint.pt"
if os.path.exists(ckpt):
    state = torch.load(ckpt)
    model.load_state_dict(state["model"], strict=False)
    adam.load_state_dict(state["adam"])
    muon.m, start = state["muon"], state["step"]
say(f"parameters {sum(w.numel() for w in model.parameters())}, plan {args.plan}, seed {args.seed}, from step {start}")
copies = copying(random.Random(args.seed + start))
step, began, tokens = 0, time.time(), 0
sums = {}
for stage, steps in plan:
    if step + steps <= start:
        step += steps
        continue
    feed = batches(stage, random.Random(args.seed), max(0, start - step) * (args.copy_every - 1) // args.copy_every)
    first = max(0, start - step)
    step += first
    for _ in range(first, steps):
        copy = stage == "copy" or step % args.copy_every == 0
        ids, targets, own, valid = next(copies if copy else feed)
        frac = step / total
        scale = min(1, (step + 1) / 100) * (1 if frac < 0.5 else max(0.02, (1 - frac) / 0.5))
        for g in adam.param_groups:
            g["lr"] = args.lr * scale
        h = model(ids)
        # The head is the dearest matrix: given text is learnt from a quarter of its positions.
        counted = valid & (own | (torch.rand(ids.shape) < (0.02 if copy else 0.25)))
        hv, tv, ov = h[counted], targets[counted], own[counted]
        logits = F.linear(hv, model.embed_tokens.weight)
        loss = F.cross_entropy(logits, tv, reduction="none")
        weight = torch.where(ov, torch.tensor(1.0), torch.tensor(0.0 if copy else args.given_weight))
        total_loss = (loss * weight).sum() / weight.sum()
        adam.zero_grad(set_to_none=True)
        for w in matrices:
            w.grad = None
        total_loss.backward()
        torch.nn.utils.clip_grad_norm_(others, 1.0)
        adam.step()
        muon.step(scale)
        with torch.no_grad():
            right = logits.argmax(-1) == tv
            # exact = every own token of the sequence is the arg-max
            rows = torch.arange(ids.shape[0])[:, None].expand_as(ids)[counted]
            wrong = torch.zeros(ids.shape[0]).index_add_(0, rows[ov], (~right[ov]).float())
            seen = dict(copy=loss[ov].mean()) if copy else dict(
                own=loss[ov].mean(), given=loss[~ov].mean(), acc=right[ov].float().mean(), exact=(wrong == 0).float().mean()
            )
            for k, v in seen.items():
                sums.setdefault(k, []).append(v.item())
        tokens += int(valid.sum())
        step += 1
        if step % 50 == 0:
            s = " ".join(f"{k} {sum(v) / len(v):.4f}" for k, v in sorted(sums.items()))
            say(f"step {step} {stage} {s} tokens {tokens} {tokens / (time.time() - began):.0f} tok/s {time.time() - began:.0f} s")
            sums = {}
        if step % 250 == 0:
            torch.save(dict(model=model.state_dict(), adam=adam.state_dict(), muon=muon.m, step=step), ckpt + ".tmp")
            os.replace(ckpt + ".tmp", ckpt)
            export(model)
torch.save(dict(model=model.state_dict(), adam=adam.state_dict(), muon=muon.m, step=step), ckpt)
export(model)
say("done")
