"""Random checkpoints of published decoder families, and what transformers computes of them.

usage: families.py make DIR FAMILY…   writes DIR/FAMILY each: the checkpoint with config.json and, in the words of
                                      transformers 4, config.old.json; oracle.json {ids, prompt, greedy, shards};
                                      logits.bin (float32 [T, V] of all ids at once) and decode.bin (the same, token by
                                      token with a cache)
       families.py logits DIR…        writes logits.bin of any checkpoint for the ids of its oracle.json

Logits and greedy tokens are those of the files, read again in float32.
"""
import json
import os
import sys

import torch
import transformers
from transformers import AutoModelForCausalLM

SIZES = dict(
    vocab_size=131, hidden_size=64, intermediate_size=96, num_hidden_layers=3, num_attention_heads=4,
    num_key_value_heads=2, head_dim=16, max_position_embeddings=160, bos_token_id=1, eos_token_id=2, pad_token_id=0,
    initializer_range=0.15,
)
LLAMA3 = dict(rope_type="llama3", rope_theta=5e5, factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
              original_max_position_embeddings=40)
YARN = dict(rope_type="yarn", rope_theta=1e4, factor=4.0, original_max_position_embeddings=40)
PATTERN = ["sliding_attention"] * 5 + ["full_attention"]

# name: (configuration class, what differs from SIZES, dtype of the files, size of a shard)
FAMILIES = {
    "llama-tied": ("Llama", dict(tie_word_embeddings=True, num_key_value_heads=4), torch.float32, None),
    "llama-llama3": ("Llama", dict(rope_parameters=LLAMA3), torch.float32, "60KB"),
    "llama-linear": ("Llama", dict(rope_parameters=dict(rope_type="linear", factor=4.0, rope_theta=1e4)), torch.float16, None),
    "llama-yarn": ("Llama", dict(rope_parameters=YARN), torch.float32, None),
    "llama-biases": ("Llama", dict(attention_bias=True, mlp_bias=True), torch.float32, None),
    "qwen2": ("Qwen2", dict(num_attention_heads=2, num_key_value_heads=1, head_dim=None), torch.bfloat16, None),
    "qwen2-window": ("Qwen2", dict(use_sliding_window=True, sliding_window=9, max_window_layers=1, head_dim=None), torch.float32, None),
    "qwen2-yarn": ("Qwen2", dict(head_dim=None, tie_word_embeddings=True, rope_parameters={
        **YARN, "attention_factor": 1.3, "beta_fast": 16.0, "beta_slow": 2.0, "truncate": False}), torch.float32, None),
    "qwen3": ("Qwen3", dict(head_dim=32, tie_word_embeddings=True), torch.float32, "60KB"),
    "gemma3": ("Gemma3Text", dict(
        num_hidden_layers=7, sliding_window=9, layer_types=PATTERN + PATTERN[:1], query_pre_attn_scalar=24,
        eos_token_id=[1, 106]), torch.bfloat16, None),
    "gemma3-linear": ("Gemma3Text", dict(
        num_hidden_layers=6, sliding_window=16, layer_types=PATTERN, query_pre_attn_scalar=16, rope_parameters={
            "full_attention": dict(rope_type="linear", factor=8.0, rope_theta=1e6),
            "sliding_attention": dict(rope_type="default", rope_theta=1e4)}), torch.float32, "60KB"),
}

TOKENS = 48
GREEDY = 64


def randomise_vectors(model):
    """Biases and norms start at 0 and 1, which would hide what is done with them."""
    for value in model.parameters():
        if value.ndim == 1:
            value.add_(torch.randn_like(value) * 0.2)


def loosen_embeddings(model):
    """A random model that is tied repeats its last token for ever; smaller embeddings let its layers decide."""
    model.get_input_embeddings().weight.mul_(0.2)
    model.model.norm.weight.add_(4.0)


def old_spelling(directory):
    """A second configuration in the words of transformers 4: rope_theta and rope_scaling beside each other."""
    path = f"{directory}/config.json"
    config = json.load(open(path))
    rope = config.pop("rope_parameters")
    if "full_attention" in rope:
        config["rope_local_base_freq"] = rope["sliding_attention"]["rope_theta"]
        config["sliding_window_pattern"] = 6
        del config["layer_types"]
        rope = rope["full_attention"]
    config["rope_theta"] = rope.pop("rope_theta")
    config["rope_scaling"] = None if rope["rope_type"] == "default" else rope
    json.dump(config, open(f"{directory}/config.old.json", "w"))


def decode_logits(model, ids):
    """Logits of every position, each token a run of its own."""
    cache, rows = None, []
    for token in ids:
        out = model(torch.tensor([[token]]), past_key_values=cache, use_cache=True)
        cache = out.past_key_values
        rows.append(out.logits[0, -1])
    return torch.stack(rows)


def greedy(model, ids):
    """GREEDY tokens, ends of text included as any other."""
    out, cache, feed = [], None, ids
    for _ in range(GREEDY):
        step = model(torch.tensor([feed]), past_key_values=cache, use_cache=True)
        cache = step.past_key_values
        feed = [int(step.logits[0, -1].argmax())]
        out += feed
    return out


def write_logits(model, ids, directory):
    model(torch.tensor([ids])).logits[0].contiguous().numpy().tofile(f"{directory}/logits.bin")


def read(directory):
    return AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float32, attn_implementation="eager").eval()


def logits(*directories):
    for directory in directories:
        write_logits(read(directory), json.load(open(f"{directory}/oracle.json"))["ids"], directory)


def make(root, *names):
    for name in names:
        make_one(name, f"{root}/{name}")


def make_one(name, directory):
    kind, changes, dtype, shard = FAMILIES[name]
    torch.manual_seed(sorted(FAMILIES).index(name))
    sizes = {k: v for k, v in {**SIZES, **changes}.items() if v is not None}
    config = getattr(transformers, f"{kind}Config")(**sizes)
    model = AutoModelForCausalLM.from_config(config).float()
    randomise_vectors(model)
    if config.tie_word_embeddings:
        loosen_embeddings(model)
    model.to(dtype).save_pretrained(directory, **({"max_shard_size": shard} if shard else {}))
    old_spelling(directory)
    model = read(directory)
    ids = torch.randint(0, sizes["vocab_size"], (TOKENS,)).tolist()
    write_logits(model, ids, directory)
    decode_logits(model, ids).contiguous().numpy().tofile(f"{directory}/decode.bin")
    prompt = ids[: TOKENS // 2]
    shards = len([file for file in os.listdir(directory) if file.endswith(".safetensors")])
    oracle = dict(ids=ids, prompt=prompt, greedy=greedy(model, prompt), shards=shards)
    json.dump(oracle, open(f"{directory}/oracle.json", "w"))


with torch.no_grad():
    {"make": make, "logits": logits}[sys.argv[1]](*sys.argv[2:])
