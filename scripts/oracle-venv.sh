#!/usr/bin/env bash
# Makes .venv-oracle with the Python peers that the oracle tier and the PyTorch benchmark compare with.
set -euo pipefail
cd "$(dirname "$0")/.."
if [ ! -x .venv-oracle/bin/python ]; then
  python3 -m venv .venv-oracle
fi
.venv-oracle/bin/python -c 'import torch, transformers, onnx' 2>/dev/null ||
  .venv-oracle/bin/pip install --quiet torch==2.13.0 transformers==5.18.0 tokenizers numpy onnx==1.23.2
