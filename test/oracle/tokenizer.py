"""Ids and texts of a tokenizer.json by Python's tokenizers.

usage: tokenizer.py TOKENIZER_JSON TEXTS OUT   texts: JSON list; out: JSON list of {ids, text}
"""
import json
import sys

from tokenizers import Tokenizer


def main():
    tokenizer = Tokenizer.from_file(sys.argv[1])
    with open(sys.argv[2], encoding="utf-8") as file:
        texts = json.load(file)
    answers = []
    for encoding in tokenizer.encode_batch(texts, add_special_tokens=False):
        text = tokenizer.decode(encoding.ids, skip_special_tokens=False)
        answers.append({"ids": encoding.ids, "text": text})
    with open(sys.argv[3], "w", encoding="utf-8") as file:
        json.dump(answers, file)


main()
