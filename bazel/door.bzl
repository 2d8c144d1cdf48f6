"""The rule behind a layer's public door: //tensor, //autograd, //nn."""

def _lamina_door_impl(ctx):
    # direct_cc_infos, not cc_infos: whoever depends on the door may include the headers of what it
    # exports as if it depended on each of them, also under clang's layering_check.
    return [
        cc_common.merge_cc_infos(direct_cc_infos = [dep[CcInfo] for dep in ctx.attr.exports]),
        coverage_common.instrumented_files_info(ctx, dependency_attributes = ["exports"]),
        DefaultInfo(files = depset(transitive = [dep[DefaultInfo].files for dep in ctx.attr.exports])),
    ]

lamina_door = rule(
    implementation = _lamina_door_impl,
    doc = "Exports C++ libraries under one label.",
    attrs = {"exports": attr.label_list(providers = [CcInfo], mandatory = True)},
    provides = [CcInfo],
)
