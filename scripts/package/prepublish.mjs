// npm's prepublishOnly script: refuses to publish a package whose `repository` is not where this checkout comes from.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** HOST/PATH of a repository, however it is written: git+https, ssh, git@HOST:PATH, with user, port or `.git`; null when it names no host. */
export function repositoryName(url) {
  const scp = /^(?:[^@/:]+@)?([^/:]+):(?!\/\/)(.+)$/.exec(url);
  const plain = /^(?:git\+)?(?:https?|ssh|git):\/\/(?:[^@/]+@)?([^/:]+)(?::\d+)?\/(.+)$/.exec(url);
  const [, host, path] = plain ?? scp ?? [];
  const name = path?.replace(/^\/+|\/+$/g, '').replace(/\.git$/, '');
  return host && name ? `${host.toLowerCase()}/${name}` : null;
}

/**
 * Why a package may not be published from a checkout; null when it may.
 *
 * @param {{ repository?: string | { url?: string }, homepage?: string, bugs?: string | object }} manifest package.json
 * @param {string | null} origin URL of the checkout's remote `origin`; null without one
 */
export function whyNotPublish(manifest, origin) {
  if (!origin)
    return 'the checkout has no remote: git remote add origin URL, the public address of the repository';
  const { repository } = manifest;
  const url = typeof repository === 'string' ? repository : repository?.url;
  const set = `set "repository": { "type": "git", "url": … } in package.json to the address of origin, ${origin}`;
  if (!url) return `package.json names no repository: ${set}`;
  const [said, real] = [repositoryName(url), repositoryName(origin)];
  if (real === null) return `origin, ${origin}, is no public address: git remote set-url origin URL`;
  if (said !== real) return `package.json says that the repository is ${url}: ${set}`;
  const missing = ['homepage', 'bugs'].filter((name) => !manifest[name]);
  return missing.length === 0
    ? null
    : `package.json names no ${missing.join(' and no ')}: set what belongs to ${url}`;
}

function originUrl() {
  try {
    return execFileSync('git', ['remote', 'get-url', 'origin'], { encoding: 'utf8', stdio: 'pipe' }).trim();
  } catch {
    return null;
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const reason = whyNotPublish(JSON.parse(readFileSync('package.json', 'utf8')), originUrl());
  if (reason !== null) {
    console.error(`not published: ${reason}`);
    process.exitCode = 1;
  }
}
