"""What Debian's own build of Bazel lacks."""

def debian_repositories():
    """Replaces the repositories that Debian's Bazel would download.

    They are parts of a released Bazel. Debian builds Bazel without them and
    without a version, which tells the two apart.
    """
    if not native.bazel_version:
        for name in ("remote_coverage_tools", "rules_cc", "rules_java"):
            native.local_repository(
                name = name,
                path = "tools/debian/" + name,
            )
