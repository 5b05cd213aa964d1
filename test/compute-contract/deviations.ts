/** What is here beyond Nova's API: below paths that Nova does not use. */
export const added: readonly string[] = ['GET /servers/:/os-scheduling', 'POST /os-scheduling/what-if']
