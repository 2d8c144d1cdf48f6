#!/usr/bin/env bash
# Fills third_party/distdir with the upstream archives that deps.bzl names, taken from Debian's source
# packages. For machines that reach Debian's archive and not the upstream hosts.
# Exit status 3: this machine's sources do not have those archives, and trying again will not help.
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
out="$here/distdir"

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
mkdir -p "$work"/{sources,lists/partial,cache/archives/partial,archives}

# The machine's own sources with `deb` read as `deb-src`, in folders of ours: no root, no change to its apt.
shopt -s nullglob
for f in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
  if [[ -f $f ]]; then sed -nE '/debian/s/^deb([[:space:]])/deb-src\1/p' "$f"; fi
done > "$work/sources.list"
for f in /etc/apt/sources.list.d/debian*.sources; do
  sed -E 's/^Types:.*/Types: deb-src/' "$f" > "$work/sources/${f##*/}"
done
apt=(apt-get -qq
  -o "Dir::Etc::sourcelist=$work/sources.list"
  -o "Dir::Etc::sourceparts=$work/sources"
  -o "Dir::State::lists=$work/lists"
  -o "Dir::Cache=$work/cache"
  -o "APT::Sandbox::User=")
"${apt[@]}" -o APT::Update::Error-Mode=any update >&2
cd "$work/archives"
"${apt[@]}" source --download-only --tar-only abseil googletest benchmark protobuf eigen3 highway libpng1.6 >&2 || exit 3

# take DEBIAN'S-NAME UPSTREAM'S-NAME: Bazel looks for the last part of the address in deps.bzl, and for the
# sha256 there. An archive that it does not know is of no use.
take() {
  local sum
  if [[ -f $1 ]]; then
    sum="$(sha256sum "$1")"
    if grep -qF "${sum%% *}" "$here/deps.bzl"; then
      mkdir -p "$out"
      mv "$1" "$out/$2"
      return
    fi
  fi
  echo "fill_distdir: no $1 here that is the $2 of third_party/deps.bzl" >&2
  exit 3
}

# Debian's archive of Abseil has another top folder; with upstream's name in it, it is upstream's archive.
if [[ -f abseil_20220623.1.orig.tar.gz ]]; then
  python3 "$here/rename_tar_folder.py" abseil_20220623.1.orig.tar.gz abseil-20220623.1/ abseil-cpp-20220623.1/ |
    gzip -n > abseil.tar.gz
fi
take abseil.tar.gz 20220623.1.tar.gz
take googletest_1.12.1.orig.tar.gz release-1.12.1.tar.gz
take benchmark_1.7.1.orig.tar.gz v1.7.1.tar.gz
take protobuf_3.21.12.orig.tar.gz v3.21.12.tar.gz
take eigen3_3.4.0.orig.tar.bz2 eigen-3.4.0.tar.bz2
take highway_1.0.3.orig.tar.gz 1.0.3.tar.gz
take libpng1.6_1.6.39.orig.tar.gz v1.6.39.tar.gz
