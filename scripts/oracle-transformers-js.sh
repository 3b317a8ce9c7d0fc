#!/usr/bin/env bash
# Installs transformers.js for the oracle tier's translation models, in the version that bench/peers compares with, into
# .venv-oracle/transformers-js; nothing where bench/peers has it already.
set -euo pipefail
cd "$(dirname "$0")/.."
package=@huggingface/transformers
[ ! -d "bench/peers/node_modules/$package" ] || exit 0
version=$(node -p "require('./bench/peers/package.json').dependencies['$package']")
folder=.venv-oracle/transformers-js
installed=$(node -p "require('./$folder/node_modules/$package/package.json').version" 2>/dev/null || true)
[ "$installed" != "$version" ] || exit 0
mkdir -p "$folder"
npm install --prefix "$folder" --ignore-scripts --no-save --no-package-lock "$package@$version"
