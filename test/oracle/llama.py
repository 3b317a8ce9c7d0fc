"""Random Llama checkpoints and their logits from transformers: the oracle of the model code.

usage: llama.py make DIR SEED          writes a random checkpoint, ids.json and logits.bin (float32)
       llama.py logits DIR IDS OUT     logits of any checkpoint for the ids of a JSON file
"""
import json
import sys

import torch
from transformers import LlamaConfig, LlamaForCausalLM


def write_logits(model, ids, out):
    with torch.no_grad():
        logits = model(torch.tensor([ids])).logits[0].float().contiguous()
    logits.numpy().tofile(out)


def main():
    command, directory = sys.argv[1:3]
    if command == "make":
        seed = int(sys.argv[3])
        torch.manual_seed(seed)
        config = LlamaConfig(
            vocab_size=97, hidden_size=48, intermediate_size=80, num_hidden_layers=3, num_attention_heads=4,
            num_key_value_heads=2 if seed % 2 else 4, head_dim=16, max_position_embeddings=128, rms_norm_eps=1e-5,
            tie_word_embeddings=seed % 2 == 0, bos_token_id=1, eos_token_id=2, pad_token_id=0, initializer_range=0.2,
        )
        model = LlamaForCausalLM(config).float().eval()
        model.save_pretrained(directory)
        ids = torch.randint(0, 97, (40,)).tolist()
        json.dump(ids, open(f"{directory}/ids.json", "w"))
        write_logits(model, ids, f"{directory}/logits.bin")
    else:
        model = LlamaForCausalLM.from_pretrained(directory, dtype=torch.float32).eval()
        write_logits(model, json.load(open(sys.argv[3])), sys.argv[4])


main()
