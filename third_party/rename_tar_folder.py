"""Renames the top folder inside a .tar.gz and changes nothing else: rename_tar_folder.py FILE OLD/ NEW/ > TAR"""

import gzip
import sys

BLOCK = 512


def field(header, start, length):
    return bytes(header[start : start + length]).split(b"\0")[0]


def renamed(header, old, new):
    name, prefix = field(header, 0, 100), field(header, 345, 155)
    full = prefix + b"/" + name if prefix else name
    if not full.startswith(old):
        sys.exit(f"{full} is not in {old}")
    full = new + full[len(old) :]
    if len(full) > 100:
        sys.exit(f"{full} does not fit a header without a prefix")
    header[0:100] = full.ljust(100, b"\0")
    header[345:500] = bytes(155)
    header[148:156] = b" " * 8
    header[148:156] = b"%07o\0" % sum(header)
    return header


def main():
    path, old, new = sys.argv[1], sys.argv[2].encode(), sys.argv[3].encode()
    with gzip.open(path) as archive:
        data = bytearray(archive.read())
    at = 0
    while at < len(data) and any(data[at : at + BLOCK]):
        header = data[at : at + BLOCK]
        if header[156:157] not in (b"g", b"x"):
            data[at : at + BLOCK] = renamed(header, old, new)
        size = int(field(header, 124, 12).strip() or b"0", 8)
        at += BLOCK + (size + BLOCK - 1) // BLOCK * BLOCK
    sys.stdout.buffer.write(data)


if __name__ == "__main__":
    main()
