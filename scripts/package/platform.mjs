/** Where in the package the addon for this host lies, if it has one: prebuilds/linux-ARCH-LIBC/slowpath.node (ts/native/load.ts looks there too). */
export function prebuiltPath() {
  return `prebuilds/${process.platform}-${process.arch}-${libc()}/slowpath.node`;
}

function libc() {
  return process.report.getReport().header.glibcVersionRuntime === undefined ? 'musl' : 'glibc';
}
