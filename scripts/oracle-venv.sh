#!/usr/bin/env bash
# Makes .venv-oracle with the Python peers that the oracle tier and the PyTorch benchmark compare with.
# On Linux, PyTorch's default build brings gigabytes for GPUs; to take its CPU build, name its index first:
# PIP_EXTRA_INDEX_URL=... bash scripts/oracle-venv.sh
set -euo pipefail
cd "$(dirname "$0")/.."
if [ ! -x .venv-oracle/bin/python ]; then
  python3 -m venv .venv-oracle
fi
.venv-oracle/bin/python -c 'import torch, transformers, tokenizers, safetensors, numpy, onnx, pocketsphinx, py_nanotts' 2>/dev/null ||
  .venv-oracle/bin/pip install --quiet torch==2.13.0 transformers==5.18.0 tokenizers==0.23.3 safetensors==0.8.0 \
    numpy==2.4.6 onnx==1.23.2 pocketsphinx==5.1.1 py-nanotts==0.1.1
