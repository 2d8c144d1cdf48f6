#!/usr/bin/env bash
# protoc, given checkpoint.proto alone, reads in the golden file what version_1.txt says.
set -euo pipefail
diff "$1" "$2"
