import { Type as T } from '@sinclair/typebox'

/** What a guest finds on its config drive and nowhere else: it stands in its task's row only, which goes with the task. */
export const GuestSecrets = {
  admin_password: T.Optional(T.String()),
  personality: T.Optional(T.Array(T.Object({ path: T.String(), contents: T.String() }))),
}
