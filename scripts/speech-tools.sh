#!/usr/bin/env bash
# Installs what speech is tested with and Node does not bring: Apertium with its pair of English and Spanish. Nothing where
# both are there. LIMBECK_REQUIRE_APERTIUM=1 then makes a missing one fail the tests instead of skipping them.
set -euo pipefail
packages=(apertium apertium-eng-spa)

has_pair() {
  local modes
  modes=$(apertium -l 2> /dev/null) && [[ "$modes" =~ (^|[[:space:]])eng-spa($|[[:space:]]) ]]
}

if has_pair; then
  exit 0
fi
if ! command -v apt-get > /dev/null; then
  echo "speech tools: expected apt-get to install ${packages[*]}, found none. Install them in this system's own way." >&2
  exit 3
fi
as_root=()
if [ "$(id -u)" -ne 0 ]; then
  if ! command -v sudo > /dev/null; then
    echo "speech tools: expected to be root or to have sudo, for apt-get install ${packages[*]}." >&2
    exit 3
  fi
  as_root=(sudo)
fi
"${as_root[@]}" apt-get update -qq
DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq --no-install-recommends "${packages[@]}"
has_pair || {
  echo "speech tools: expected apertium -l to list eng-spa after installing ${packages[*]}, got: $(apertium -l)" >&2
  exit 3
}
