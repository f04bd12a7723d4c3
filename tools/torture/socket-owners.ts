/** Which process holds how many connections of a local port, as Linux tells it. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

const ESTABLISHED = '01';

/** Established connections of `port` (the server's side) whose socket `pid` holds. */
export function connectionsOf(pid: number, port: number): number {
  const sockets = socketsOf(pid);
  const hexPort = port.toString(16).toUpperCase().padStart(4, '0');
  let count = 0;
  for (const line of readFileSync('/proc/net/tcp', 'utf8').split('\n').slice(1)) {
    const [, local, , state, , , , , , inode] = line.trim().split(/\s+/);
    if (state === ESTABLISHED && local?.endsWith(`:${hexPort}`) === true && sockets.has(inode ?? '')) count += 1;
  }
  return count;
}

/** Inodes. */
function socketsOf(pid: number): Set<string> {
  const found = new Set<string>();
  for (const descriptor of readdirSync(`/proc/${pid}/fd`)) {
    const inode = /^socket:\[(\d+)\]$/.exec(linkOf(`/proc/${pid}/fd/${descriptor}`))?.[1];
    if (inode !== undefined) found.add(inode);
  }
  return found;
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    // Closed since the folder was listed.
    return '';
  }
}
