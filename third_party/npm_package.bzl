"""Files of a published npm package, used for the data sets and models that are published there."""

_REGISTRY = "https://registry.npmjs.org"

def _npm_package_impl(rctx):
    package = rctx.attr.package
    version = rctx.attr.version
    tgz = "%s-%s.tgz" % (package.lstrip("@").replace("/", "-"), version)  # As `npm pack` names it.
    unpack = dict(integrity = rctx.attr.integrity, stripPrefix = "package", type = "tar.gz")

    folder = rctx.os.environ.get("LAMINA_NPM_DIR", "")
    if folder and rctx.path(folder + "/" + tgz).exists:
        rctx.download_and_extract(url = "file://%s/%s" % (folder, tgz), **unpack)
    else:
        # The address that a lock file would name; --distdir serves it as well.
        url = "%s/%s/-/%s-%s.tgz" % (_REGISTRY, package, package.split("/")[-1], version)
        download = rctx.download(url = url, output = tgz, integrity = rctx.attr.integrity, allow_fail = True)
        if not download.success:
            _npm_pack(rctx, tgz)
        rctx.download_and_extract(url = "file://%s" % rctx.path(tgz), **unpack)
        rctx.delete(tgz)
    rctx.symlink(rctx.attr.build_file, "BUILD.bazel")

def _npm_pack(rctx, tgz):
    """A machine that reaches a registry of its own only has npm set up for it."""
    spec = "%s@%s" % (rctx.attr.package, rctx.attr.version)
    what_else = "Put %s in a folder and pass --repo_env=LAMINA_NPM_DIR=<folder>. %s" % (tgz, rctx.attr.instead)
    npm = rctx.which("npm")
    if not npm:
        fail("cannot download npm package %s, and there is no npm to ask instead. %s" % (spec, what_else))
    result = rctx.execute([npm, "pack", spec, "--loglevel=error"], timeout = 300)
    if result.return_code:
        fail("cannot download npm package %s, and npm cannot either: %s\n%s" % (spec, result.stderr.strip(), what_else))
    if not rctx.path(tgz).exists:
        fail("`npm pack %s` wrote %s instead of %s" % (spec, result.stdout.strip(), tgz))

npm_package = repository_rule(
    implementation = _npm_package_impl,
    doc = "Unpacks one version of an npm package after checking its integrity.",
    attrs = {
        "build_file": attr.label(mandatory = True, allow_single_file = True),
        "instead": attr.string(doc = "Ends the message when the package cannot be had."),
        "integrity": attr.string(mandatory = True, doc = "sha512-..., as the registry publishes it."),
        "package": attr.string(mandatory = True),
        "version": attr.string(mandatory = True),
    },
    environ = [
        "HOME",
        "LAMINA_NPM_DIR",
        "PATH",
    ],
)
