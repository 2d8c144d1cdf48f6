"""A library of the operating system, found by the compiler without a path of ours."""

def _system_library_impl(rctx):
    rctx.symlink(rctx.attr.build_file, "BUILD.bazel")

system_library = repository_rule(
    implementation = _system_library_impl,
    doc = "A repository that consists of a BUILD file.",
    attrs = {"build_file": attr.label(mandatory = True, allow_single_file = True)},
)
