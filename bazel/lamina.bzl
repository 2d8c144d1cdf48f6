"""Macros for Lamina's C++ targets: include prefix, warnings, optimisation.

    load("//bazel:lamina.bzl", "lamina_cc_binary", "lamina_cc_library", "lamina_cc_test")

Every header is included under the library's name, "lamina/nn/linear.h", so that none collides with
a header of a downstream workspace. Warnings are errors in this workspace only: a newer compiler
must not break somebody else's build. Likewise layering_check, with which clang refuses a header that
no direct dependency owns; g++ ignores it.
"""

load("@rules_cc//cc:defs.bzl", "cc_binary", "cc_library", "cc_test")
load(":door.bzl", "lamina_door")

def _ours():
    return native.repository_name() == "@"

def _warnings():
    return ["-Wall", "-Wextra"] + (["-Werror"] if _ours() else [])

def _features():
    return ["layering_check"] if _ours() else []

# Library code is optimised in the default build too, for us and downstream; `-c dbg` is for the debugger.
_OPTIMISED = select({
    str(Label("//bazel:dbg")): [],
    "//conditions:default": ["-O2"],
})

def lamina_cc_library(
        name,
        srcs = [],
        hdrs = [],
        deps = [],
        kernels = [],
        umbrella = False,
        copts = [],
        textual_hdrs = [],
        visibility = None,
        **kwargs):
    """A C++ library whose headers are included as "lamina/<folder>/<header>".

    Args:
      name: the target. //tensor:ndarray holds tensor/ndarray.h.
      srcs: sources and private headers.
      hdrs: public headers.
      deps: C++ libraries.
      kernels: sources that are compiled with -O3 in every build, `-c dbg` included: without it the
        matrix product is thirty times slower. They are headers as well, because Highway includes a
        kernel once per instruction set: #define HWY_TARGET_INCLUDE "lamina/tensor/kernels/exp.cc" (not
        textual_hdrs: Bazel 4 gives those no prefix). All sources of the target get the -O3, so a kernel
        is a target of its own. To debug one: --per_file_copt=tensor/kernels/.*@-O0
      umbrella: the public door of a layer. Its one header, <folder>/<folder>.h, is included as
        "lamina/<folder>.h", and the headers of its deps may be included by whoever depends on the door.
        Public visibility means //:<folder>_users: everybody but the layers below.
      copts: further compiler flags.
      textual_hdrs: files to be included that do not compile on their own.
      visibility: private by default; see the groups in //:BUILD.
      **kwargs: passed to cc_library.
    """
    if umbrella:
        if srcs or kernels or textual_hdrs or len(hdrs) != 1:
            fail("%s: an umbrella has one header and deps, nothing else" % name)
        if visibility == ["//visibility:public"]:
            visibility = [str(Label("//:%s_users" % native.package_name()))]
        _umbrella(name, hdrs, deps, copts, visibility, kwargs)
        return
    cc_library(
        name = name,
        srcs = srcs + kernels,
        hdrs = hdrs + kernels,
        copts = _warnings() + (["-O3"] if kernels else _OPTIMISED) + copts,
        features = _features(),
        include_prefix = "lamina",
        strip_include_prefix = "/",
        textual_hdrs = textual_hdrs,
        visibility = visibility,
        deps = deps,
        **kwargs
    )

def _umbrella(name, hdrs, deps, copts, visibility, kwargs):
    common = {k: kwargs.pop(k) for k in ["tags", "testonly"] if k in kwargs}
    cc_library(
        name = name + "_umbrella",
        hdrs = hdrs,
        copts = _warnings() + copts,
        features = _features(),
        include_prefix = "lamina",
        strip_include_prefix = "/" + native.package_name(),
        visibility = ["//visibility:private"],
        deps = deps,
        **dict(common, **kwargs)
    )
    lamina_door(
        name = name,
        exports = [":" + name + "_umbrella"] + deps,
        visibility = visibility,
        **common
    )

def lamina_cc_test(name, deps = [], copts = [], size = "small", main = True, **kwargs):
    """A GoogleTest test with our warnings.

    Args:
      name: the target, by custom <what>_test.
      deps: C++ libraries; GoogleTest is added.
      copts: further compiler flags.
      size: Bazel's test size.
      main: whether to link GoogleTest's main().
      **kwargs: passed to cc_test.
    """
    cc_test(
        name = name,
        size = size,
        copts = _warnings() + copts,
        features = _features(),
        deps = deps + ["@com_google_googletest//:gtest"] + (["@com_google_googletest//:gtest_main"] if main else []),
        **kwargs
    )

def lamina_cc_binary(name, copts = [], **kwargs):
    """A C++ program with our warnings, optimised like the library."""
    cc_binary(
        name = name,
        copts = _warnings() + _OPTIMISED + copts,
        features = _features(),
        **kwargs
    )
