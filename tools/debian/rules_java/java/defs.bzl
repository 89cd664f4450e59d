"""The rules of rules_java that Bazel's own tools load, as built into Bazel 4."""

java_import = native.java_import
java_runtime = native.java_runtime
java_toolchain = native.java_toolchain
