/** Letters and digits that are not taken for one another. */
const PASSWORD_LETTERS = '23456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz'
const PASSWORD_LENGTH = 12

/** A password for a server whose request names none. */
export function newPassword(): string {
  const random = crypto.getRandomValues(new Uint32Array(PASSWORD_LENGTH))
  return [...random].map((value) => PASSWORD_LETTERS[value % PASSWORD_LETTERS.length]).join('')
}
