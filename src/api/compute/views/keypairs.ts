import type { Keypair, NewKeypair } from '../../../compute/index.ts'
import { naiveTime } from '../times.ts'
import { defineView } from '../view.ts'

export const keypairCreated = defineView<NewKeypair>('keypair.created', ({ keypair, private_key }) => ({
  name: keypair.name,
  type: keypair.type,
  public_key: keypair.public_key,
  fingerprint: keypair.fingerprint,
  user_id: keypair.user_id,
  private_key,
}))

export const keypairListed = defineView<Keypair>('keypair.listed', (keypair) => ({
  name: keypair.name,
  type: keypair.type,
  public_key: keypair.public_key,
  fingerprint: keypair.fingerprint,
}))

export const keypairView = defineView<Keypair>('keypair', (keypair) => ({
  id: keypair.id,
  name: keypair.name,
  type: keypair.type,
  public_key: keypair.public_key,
  fingerprint: keypair.fingerprint,
  user_id: keypair.user_id,
  created_at: naiveTime(keypair.created_at),
  updated_at: null,
  deleted: false,
  deleted_at: null,
}))
