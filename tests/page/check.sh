#!/bin/sh
# check.sh [WORD]: tests docs/replay.html in Chromium; with WORD, only the tests that have it in their name. The driver,
# playwright-core, is fetched once into build/page, in the version and with the checksum of package-lock.json.
set -eu
cd "$(dirname "$0")/../.."
if ! cmp -s tests/page/package-lock.json build/page/package-lock.json || [ ! -d build/page/node_modules/playwright-core ]; then
    echo "Fetching playwright-core with npm"
    mkdir -p build/page
    cp tests/page/package.json tests/page/package-lock.json build/page/
    if ! npm ci --prefix build/page --ignore-scripts --no-audit --no-fund >build/page/log 2>&1; then
        tail -n 20 build/page/log >&2
        exit 1
    fi
fi
exec node tests/page/check.js "$@"
