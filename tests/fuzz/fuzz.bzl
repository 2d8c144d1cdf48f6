"""Fuzz targets: one source, two programs."""

load("//bazel:lamina.bzl", "lamina_cc_binary", "lamina_cc_test")

def lamina_fuzz_target(name, seeds, deps):
    """A fuzz target, whose source is <name>_fuzzer.cc.

    <name>_fuzzer is the libFuzzer program, which takes --config=fuzz; <name>_fuzz_test replays the seeds and some
    thousand changes of them, in every configuration.

    Args:
      name: what is read: "idx".
      seeds: files that the parser accepts.
      deps: the parser, and what else the source needs.
    """
    source = name + "_fuzzer.cc"
    lamina_cc_binary(
        name = name + "_fuzzer",
        testonly = True,
        srcs = [source],
        linkopts = ["-fsanitize=fuzzer"],
        tags = ["manual"],
        deps = deps + [":fuzzing"],
    )
    lamina_cc_test(
        name = name + "_fuzz_test",
        srcs = [
            source,
            "replay_main.cc",
        ],
        args = ["4000"] + ["$(location %s)" % seed for seed in seeds],
        data = seeds,
        main = False,
        deps = deps + [":fuzzing"],
    )
