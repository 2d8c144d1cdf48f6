#!/usr/bin/env bash
# The program in README.md is first_program.cc, character for character, and it learns what it says it learns. What README.md
# has for a WORKSPACE is the end of that of tests/downstream, which is built.
set -euo pipefail
readme=$1 source=$2 program=$3 workspace=$4
block=$(awk '/^```cpp$/ {inside = 1; next} /^```$/ {inside = 0} inside' "$readme")
if [[ $block != "$(cat "$source")" ]]; then
  echo "README.md and $source differ:"
  diff <(echo "$block") "$source"
  exit 1
fi
block=$(awk '/^# WORKSPACE/ {inside = 1; next} /^# BUILD$/ {inside = 0} inside' "$readme")
lines=$(wc -l <<< "$block")
if ((lines < 5)) || [[ $block != "$(tail -n "$lines" "$workspace")" ]]; then
  echo "README.md's WORKSPACE and the end of $workspace differ:"
  diff <(echo "$block") <(tail -n "$lines" "$workspace")
  exit 1
fi
output=$("$program")
echo "$output"
error=$(awk '/^error/ {print $2}' <<< "$output")
awk -v error="$error" 'BEGIN {exit !(error != "" && error < 0.02)}' || {
  echo "expected an error below 0.02, got \"$error\""
  exit 1
}
