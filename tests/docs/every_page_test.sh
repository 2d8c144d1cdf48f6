#!/usr/bin/env bash
# Every page of docs/ with C++ is among the arguments, as //docs:NAME.md: what nothing runs would go stale.
set -euo pipefail
for page in docs/*.md; do
  grep -q '^```cpp' "$page" || continue
  [[ " $* " == *" //docs:${page#docs/} "* ]] || {
    echo "$page is not in _PAGES of tests/docs/BUILD"
    exit 1
  }
done
