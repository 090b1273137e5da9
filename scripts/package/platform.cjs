/** Where in the package the addon for this host lies, if it has one: prebuilds/linux-ARCH-LIBC/slowpath.node. Plain CommonJS: npm's install script and the package itself ask, the latter before anything is compiled. */
exports.prebuiltPath = () => `prebuilds/${process.platform}-${process.arch}-${libc()}/slowpath.node`;

function libc() {
  return process.report.getReport().header.glibcVersionRuntime === undefined ? 'musl' : 'glibc';
}
