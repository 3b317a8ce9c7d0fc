"""The training step of reference-step.ts in PyTorch eager, on the CPU: the peer of the benchmark and the oracle of gradients.

usage: torch-step.py time JOB            one step for each line "go" on stdin; answers {"ms", "loss"}, one line each
       torch-step.py gradients JOB OUT   loss and gradients of one step as safetensors

JOB is JSON: {tensors (safetensors: parameters [in, out], ids and targets [B, T]), layers, heads, kv_heads, head_dim,
rope_theta, rms_norm_epsilon, tie_embeddings, threads, learning_rate, clip_norm, beta1, beta2, epsilon, weight_decay}.
"""
import json
import sys
import time

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file


class Llama:
    """Functional decoder over a dictionary of parameters with the names of Hugging Face's checkpoints."""

    def __init__(self, job, parameters, tokens):
        self.job, self.p = job, parameters
        half = job["head_dim"] // 2
        inverse = job["rope_theta"] ** -(torch.arange(half, dtype=torch.float64) / half)
        angles = torch.outer(torch.arange(tokens, dtype=torch.float64), inverse)
        self.cos = torch.cat([angles.cos(), angles.cos()], -1).float()  # [T, D]
        self.sin = torch.cat([-angles.sin(), angles.sin()], -1).float()

    def rotate(self, x):  # [B, H, T, D]
        a, b = x.chunk(2, -1)
        return x * self.cos + torch.cat([b, a], -1) * self.sin

    def norm(self, x, name):
        return F.rms_norm(x, (x.shape[-1],), self.p[name], self.job["rms_norm_epsilon"])

    def loss(self, ids, targets):
        job, p = self.job, self.p
        batch, tokens = ids.shape
        split = lambda x, heads: x.view(batch, tokens, heads, job["head_dim"]).transpose(1, 2)
        x = p["model.embed_tokens.weight"][ids.reshape(-1)]  # [B·T, C]
        for i in range(job["layers"]):
            at = f"model.layers.{i}."
            h = self.norm(x, at + "input_layernorm.weight")
            q = self.rotate(split(h @ p[at + "self_attn.q_proj.weight"], job["heads"]))
            k = self.rotate(split(h @ p[at + "self_attn.k_proj.weight"], job["kv_heads"]))
            v = split(h @ p[at + "self_attn.v_proj.weight"], job["kv_heads"])
            grouped = job["heads"] != job["kv_heads"]
            a = F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=grouped)
            x = x + a.transpose(1, 2).reshape(batch * tokens, -1) @ p[at + "self_attn.o_proj.weight"]
            h = self.norm(x, at + "post_attention_layernorm.weight")
            gate = F.silu(h @ p[at + "mlp.gate_proj.weight"])
            x = x + (gate * (h @ p[at + "mlp.up_proj.weight"])) @ p[at + "mlp.down_proj.weight"]
        x = self.norm(x, "model.norm.weight")
        logits = x @ (p["model.embed_tokens.weight"].T if job["tie_embeddings"] else p["lm_head.weight"])
        return F.cross_entropy(logits, targets.reshape(-1))


def make_optimiser(job, parameters):
    """AdamW with decay on matrices only, in PyTorch's fused form: the fastest that eager has on a CPU."""
    matrices = [x for x in parameters.values() if x.dim() >= 2]
    vectors = [x for x in parameters.values() if x.dim() < 2]
    groups = [{"params": matrices, "weight_decay": job["weight_decay"]}, {"params": vectors, "weight_decay": 0.0}]
    return torch.optim.AdamW(
        groups, lr=job["learning_rate"], betas=(job["beta1"], job["beta2"]), eps=job["epsilon"], fused=True
    )


def time_steps(job, model, ids, targets):
    optimiser = make_optimiser(job, model.p)
    print(json.dumps({"torch": torch.__version__, "threads": torch.get_num_threads()}), flush=True)
    for line in sys.stdin:
        if line.strip() != "go":
            break
        start = time.perf_counter()
        optimiser.zero_grad(set_to_none=True)
        loss = model.loss(ids, targets)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.p.values(), job["clip_norm"])
        optimiser.step()
        value = loss.item()
        print(json.dumps({"ms": (time.perf_counter() - start) * 1e3, "loss": value}), flush=True)


def main():
    command = sys.argv[1]
    with open(sys.argv[2]) as file:
        job = json.load(file)
    torch.set_num_threads(job["threads"])
    torch.set_num_interop_threads(1)
    tensors = load_file(job["tensors"])
    ids, targets = tensors.pop("ids"), tensors.pop("targets")
    parameters = {name: x.clone().requires_grad_() for name, x in tensors.items()}
    model = Llama(job, parameters, ids.shape[1])
    if command == "time":
        time_steps(job, model, ids, targets)
    elif command == "gradients":
        loss = model.loss(ids, targets)
        loss.backward()
        gradients = {name: x.grad.contiguous() for name, x in parameters.items()}
        save_file({**gradients, "loss": loss.detach().reshape(1)}, sys.argv[3])
    else:
        sys.exit(f"unknown command {command}")


main()
