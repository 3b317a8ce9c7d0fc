#!/bin/sh
# Rewrites src/lower/onnx/onnx_pb.ts from onnx.proto with the installed buf and protoc-gen-es; needs no network.
set -eu
cd "$(dirname "$0")/.."
PATH="$PWD/node_modules/.bin:$PATH"
buf generate src/lower/onnx --template '{
  "version": "v2",
  "plugins": [{"local": "protoc-gen-es", "out": "src/lower/onnx", "opt": ["target=ts", "import_extension=ts"]}]
}'
