"""Weights and moments after some steps of torch.optim.AdamW on given gradients.

usage: adamw.py JOB   JOB is JSON: {tensors, out, rates, clip_norm, beta1, beta2, epsilon, weight_decay}; the
safetensors hold `start.NAME` and, for each step s from 0, `gradient.s.NAME`
"""
import json
import sys

import torch
from safetensors.torch import load_file, save_file


def main():
    with open(sys.argv[1]) as file:
        job = json.load(file)
    tensors = load_file(job["tensors"])
    weights = {name[6:]: x.clone().requires_grad_() for name, x in tensors.items() if name.startswith("start.")}
    groups = [
        {"params": [x for x in weights.values() if x.dim() >= 2], "weight_decay": job["weight_decay"]},
        {"params": [x for x in weights.values() if x.dim() < 2], "weight_decay": 0.0},
    ]
    optimiser = torch.optim.AdamW(groups, lr=1.0, betas=(job["beta1"], job["beta2"]), eps=job["epsilon"])
    for step, rate in enumerate(job["rates"]):
        for group in optimiser.param_groups:
            group["lr"] = rate
        for name, x in weights.items():
            x.grad = tensors[f"gradient.{step}.{name}"].clone()
        torch.nn.utils.clip_grad_norm_(weights.values(), job["clip_norm"])
        optimiser.step()
    found = {}
    for name, x in weights.items():
        state = optimiser.state[x]
        found |= {f"weight.{name}": x.detach(), f"first.{name}": state["exp_avg"], f"second.{name}": state["exp_avg_sq"]}
    save_file(found, job["out"])


main()
