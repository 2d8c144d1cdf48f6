"""Stand-ins for the rule sets that our dependencies load, on top of Bazel's native rules.

Debian's Bazel 4.2 has no network at build time and ships none of them. Each stand-in defines just the
names that Abseil, GoogleTest, Benchmark and protobuf load. Defined before Bazel's own entries, they win.

They are no part of lamina_deps(). A downstream workspace with real rule sets never sees them; one on an
offline Bazel 4.2 may call the macro too, and each repository that it defined before stays its own.
"""

load("@bazel_tools//tools/build_defs/repo:utils.bzl", "maybe")

def _stand_in_impl(rctx):
    rctx.file("WORKSPACE", "workspace(name = \"%s\")\n" % rctx.name)
    for path, text in rctx.attr.files.items():
        rctx.file(path, text)

_stand_in = repository_rule(
    implementation = _stand_in_impl,
    doc = "A repository that consists of the given files.",
    attrs = {"files": attr.string_dict(doc = "Path to content.")},
)

def _coverage_tools_impl(rctx):
    rctx.symlink(Label("//third_party/coverage:lcov_merger.py"), "lcov_merger.py")
    rctx.file("BUILD", """
package(default_visibility = ["//visibility:public"])

sh_binary(name = "lcov_merger", srcs = ["lcov_merger.py"])

sh_binary(name = "coverage_report_generator", srcs = ["lcov_merger.py"])
""")

_coverage_tools = repository_rule(
    implementation = _coverage_tools_impl,
    doc = "Stands in for the Java program that merges coverage data.",
)

def _natives(names):
    return "".join(["%s = getattr(native, \"%s\", None)\n" % (name, name) for name in names])

_CC = ["cc_binary", "cc_import", "cc_library", "cc_proto_library", "cc_test", "cc_toolchain", "cc_toolchain_suite", "fdo_prefetch_hints", "fdo_profile", "objc_import", "objc_library"]
_JAVA = ["java_binary", "java_import", "java_library", "java_lite_proto_library", "java_package_configuration", "java_plugin", "java_proto_library", "java_runtime", "java_test", "java_toolchain"]
_PROTO = ["proto_lang_toolchain", "proto_library"]
_PY = ["py_binary", "py_library", "py_test"]

_CC_BUILD = """
package(default_visibility = ["//visibility:public"])

alias(name = "toolchain_type", actual = "@bazel_tools//tools/cpp:toolchain_type")
"""

# A .bzl file cannot assign a built-in's name to itself.
_PROTO_NATIVE_BZL = "NativeProtoInfo = ProtoInfo\n"
_PROTO_DEFS_BZL = """
load(":native.bzl", "NativeProtoInfo")

ProtoInfo = NativeProtoInfo
"""

_SKYLIB_SELECTS_BZL = """
def _with_or(branches, no_match_error = ""):
    out = {}
    for keys, value in branches.items():
        for key in (keys if type(keys) == type(()) else (keys,)):
            out[key] = value
    return select(out, no_match_error = no_match_error)

def _config_setting_group(name, match_any = [], match_all = [], visibility = None):
    if match_all:
        fail("match_all has no stand-in")
    branches = {setting: setting for setting in match_any}
    branches["//conditions:default"] = match_any[-1]
    native.alias(name = name, actual = select(branches), visibility = visibility)

selects = struct(with_or = _with_or, config_setting_group = _config_setting_group)
"""

_SKYLIB_VERSIONS_BZL = """
def _nothing(*args, **kwargs):
    pass

def _true(*args, **kwargs):
    return True

versions = struct(check = _nothing, is_at_least = _true)
"""

_SKYLIB_UNITTEST_BZL = """
def _nothing(*args, **kwargs):
    pass

def _make(*args, **kwargs):
    return _nothing

asserts = struct(equals = _nothing)
unittest = struct(make = _make, begin = _nothing, end = _nothing)
"""

_SKYLIB_COMMON_SETTINGS_BZL = """
BuildSettingInfo = provider(fields = ["value"])

def _impl(ctx):
    return [BuildSettingInfo(value = ctx.build_setting_value)]

bool_flag = rule(implementation = _impl, build_setting = config.bool(flag = True))
string_flag = rule(
    implementation = _impl,
    build_setting = config.string(flag = True),
    attrs = {"values": attr.string_list()},
)
"""

_PKG_MAPPINGS_BZL = """
def _nothing(*args, **kwargs):
    pass

pkg_attributes = _nothing
pkg_filegroup = _nothing
pkg_files = _nothing
pkg_mkdirs = _nothing
strip_prefix = struct(files_only = _nothing, from_pkg = _nothing, from_root = _nothing)
"""

_PKG_PROVIDERS_BZL = """
PackageFilegroupInfo = provider()
PackageFilesInfo = provider()
PackageVariablesInfo = provider(fields = ["values"])
"""

def lamina_rule_set_stand_ins():
    """Defines each rule set that is not yet defined, and Bazel's coverage tools."""
    maybe(_stand_in, name = "rules_cc", files = {
        "BUILD": "",
        "cc/BUILD": _CC_BUILD,
        "cc/defs.bzl": _natives(_CC),
    })
    maybe(_stand_in, name = "rules_java", files = {
        "BUILD": "",
        "java/BUILD": "",
        "java/defs.bzl": _natives(_JAVA),
    })
    maybe(_stand_in, name = "rules_proto", files = {
        "BUILD": "",
        "proto/BUILD": "",
        "proto/defs.bzl": _PROTO_DEFS_BZL + _natives(_PROTO),
        "proto/native.bzl": _PROTO_NATIVE_BZL,
    })
    maybe(_stand_in, name = "rules_python", files = {
        "BUILD": "",
        "python/BUILD": "",
        "python/defs.bzl": _natives(_PY),
    })
    maybe(_stand_in, name = "rules_pkg", files = {
        "BUILD": "",
        "mappings.bzl": _PKG_MAPPINGS_BZL,
        "providers.bzl": _PKG_PROVIDERS_BZL,
    })
    maybe(_stand_in, name = "bazel_skylib", files = {
        "BUILD": "",
        "lib/BUILD": "",
        "lib/selects.bzl": _SKYLIB_SELECTS_BZL,
        "lib/unittest.bzl": _SKYLIB_UNITTEST_BZL,
        "lib/versions.bzl": _SKYLIB_VERSIONS_BZL,
        "rules/BUILD": "",
        "rules/common_settings.bzl": _SKYLIB_COMMON_SETTINGS_BZL,
    })
    maybe(_coverage_tools, name = "remote_coverage_tools")
