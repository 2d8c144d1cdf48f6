#!/usr/bin/env bash
# The program in README.md is first_program.cc, character for character, and it learns what it says it learns.
set -euo pipefail
readme=$1 source=$2 program=$3
block=$(awk '/^```cpp$/ {inside = 1; next} /^```$/ {inside = 0} inside' "$readme")
if [[ $block != "$(cat "$source")" ]]; then
  echo "README.md and $source differ:"
  diff <(echo "$block") "$source"
  exit 1
fi
output=$("$program")
echo "$output"
error=$(awk '/^error/ {print $2}' <<< "$output")
awk -v error="$error" 'BEGIN {exit !(error != "" && error < 0.02)}' || {
  echo "expected an error below 0.02, got \"$error\""
  exit 1
}
