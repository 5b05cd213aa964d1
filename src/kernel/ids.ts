/** A fresh random id in the form Nova gives servers, ports and images: lower-case UUID with dashes. */
export function newId(): string {
  return crypto.randomUUID()
}

/** A fresh id in Keystone's form (projects, users, domains): 32 hex digits, no dashes. */
export function newHexId(): string {
  return crypto.randomUUID().replaceAll('-', '')
}

/** `req-<uuid>`, the id under which one request is found in logs, headers and instance actions. */
export function newRequestId(): string {
  return `req-${crypto.randomUUID()}`
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

/** True for the canonical form only; anything else from a path is treated as an id that does not exist. */
export function isUuid(text: string): boolean {
  return UUID.test(text)
}
