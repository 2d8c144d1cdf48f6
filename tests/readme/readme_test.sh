#!/usr/bin/env bash
# The programs in README.md are train.cc and resumed_training.cc, character for character; the first prints the model that is shown
# and learns what it says it learns, the other goes on as it says. What README.md has for a WORKSPACE and a BUILD are the ends of
# those of tests/downstream and its first_program: there the first program is built as a user's.
set -euo pipefail
readme=$1 source=$2 program=$3 workspace=$4 build=$5 resumed_source=$6 resumed_program=$PWD/$7

# block LANGUAGE NUMBER: the README's block of the language that has this number among its kind.
block() {
  awk -v start="\`\`\`$1" -v number="$2" '$0 == start {inside = ++count == number; next} /^```$/ {inside = 0} inside' "$readme"
}
# is_in_readme WHAT TEXT SHOWN: whether README.md shows a text as it is.
is_in_readme() {
  [[ -n $3 && $2 == "$3" ]] && return
  echo "README.md and $1 differ:"
  diff <(echo "$3") <(echo "$2")
  return 1
}
is_in_readme "$source" "$(cat "$source")" "$(block cpp 1)"
is_in_readme "$resumed_source" "$(cat "$resumed_source")" "$(block cpp 2)"
# is_end SHOWN FILE: whether the file ends with what README.md shows.
is_end() {
  is_in_readme "the end of $2" "$(tail -n "$(wc -l <<< "$1")" "$2")" "$1"
}
is_end "$(block python 1 | sed -n '/^# WORKSPACE/,/^# BUILD$/{//!p}')" "$workspace"
is_end "$(block python 1 | sed '1,/^# BUILD$/d')" "$build"

# The text under the first program is what it prints. Its error rests on rounding, which processors differ in.
output=$("$program")
shown=$(block text 1)
is_in_readme "what the first program prints" "$(sed '/^error /d' <<< "$output")" "$(sed '/^error /d' <<< "$shown")"
for text in "$output" "$shown"; do
  error=$(awk '/^error/ {print $2}' <<< "$text")
  awk -v error="$error" 'BEGIN {exit !(error != "" && error < 0.02)}' || {
    echo "expected an error below 0.02, got \"$error\""
    exit 1
  }
done

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
