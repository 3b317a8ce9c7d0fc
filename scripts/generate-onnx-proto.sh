#!/bin/sh
# Rewrites src/lower/onnx/onnx_pb.ts from onnx.proto. The two tools are fetched by npx when needed: they weigh more than
# everything else together and are run about never.
set -eu
cd "$(dirname "$0")/.."
npx --yes --package=@bufbuild/buf@1.75.0 --package=@bufbuild/protoc-gen-es@2.13.0 -- buf generate src/lower/onnx --template '{
  "version": "v2",
  "plugins": [{"local": "protoc-gen-es", "out": "src/lower/onnx", "opt": ["target=ts", "import_extension=ts"]}]
}'
