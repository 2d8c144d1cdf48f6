#!/usr/bin/env bash
# The programs in README.md are first_program.cc and resumed_training.cc, character for character; the first learns what it says
# it learns, the other goes on as it says. What README.md has for a WORKSPACE is the end of that of tests/downstream, which is built.
set -euo pipefail
readme=$1 source=$2 program=$3 workspace=$4 resumed_source=$5 resumed_program=$PWD/$6

# is_block NUMBER SOURCE: whether the README's block of C++ of this number is the source.
is_block() {
  local block
  block=$(awk -v number="$1" '/^```cpp$/ {inside = ++count == number; next} /^```$/ {inside = 0} inside' "$readme")
  [[ $block == "$(cat "$2")" ]] && return
  echo "README.md and $2 differ:"
  diff <(echo "$block") "$2"
}
is_block 1 "$source"
is_block 2 "$resumed_source"
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

# Without its last checkpoint, it does the last epoch again.
cd "$TEST_TMPDIR"
first=$("$resumed_program")
echo "$first"
rm run/step_000000000030.ckpt
second=$("$resumed_program")
[[ $first == "from epoch 0"* && $second == "from epoch 29"$'\n'"$(tail -n 1 <<< "$first")" ]] || {
  echo "expected the last epoch again, got \"$second\""
  exit 1
}
