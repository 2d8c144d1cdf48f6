#!/usr/bin/env bash
# Every page of docs/ is among the arguments, as //docs:NAME.md: a page with C++ that nothing runs would go stale.
set -euo pipefail
for page in docs/*.md; do
  [[ " $* " == *" //docs:${page#docs/} "* ]] || {
    echo "$page is not in _PAGES of tests/docs/BUILD"
    exit 1
  }
done
