const MAX_HOSTNAME = 63

/**
 * The name a guest gets from its server's name, as Nova makes it: Latin-1 letters only, cut to 63, blanks, underscores
 * and dots to dashes, no other marks, lower case. `Server-<id>` where nothing is left.
 */
export function hostnameOf(name: string, serverId: string): string {
  const hostname = [...name]
    .filter((character) => character.codePointAt(0)! <= 0xff)
    .join('')
    .slice(0, MAX_HOSTNAME)
    .replaceAll(/[ _.]/g, '-')
    .replaceAll(/[^\p{L}\p{N}.-]+/gu, '')
    .toLowerCase()
    .replaceAll(/^[.-]+|[.-]+$/g, '')
  return hostname === '' ? `Server-${serverId}` : hostname
}
