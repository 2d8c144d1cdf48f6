"""docs_page: a page of docs/ whose C++ is compiled and run."""

load("//bazel:lamina.bzl", "lamina_cc_binary")

def docs_page(name, quotes = [], deps = []):
    """The C++ of //docs:NAME.md as one program, and the test NAME_test that the page shows what it prints.

    Args:
      name: of the page, without .md. page.py tells how pages are written.
      quotes: files that the page quotes.
      deps: C++ libraries, beside //serialization.
    """
    page = "//docs:%s.md" % name
    native.genrule(
        name = name + "_source",
        testonly = True,
        srcs = [page],
        outs = [name + "_page.cc"],
        cmd = "$(location page.py) program $< > $@",
        tools = ["page.py"],
    )
    lamina_cc_binary(
        name = name + "_page",
        testonly = True,
        srcs = [name + "_page.cc"],
        deps = ["//serialization"] + deps,
    )
    native.sh_test(
        name = name + "_test",
        size = "small",
        srcs = ["page.py"],
        args = [
            "check",
            "$(location %s)" % page,
            "$(location :%s_page)" % name,
        ] + ["$(location %s)" % quote for quote in quotes],
        data = [
            page,
            ":%s_page" % name,
        ] + quotes,
    )
