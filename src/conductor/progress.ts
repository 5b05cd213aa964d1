import { noteMoved, noteTaskState } from '../cells/index.ts'
import type { HostEvent } from '../contracts/index.ts'
import type { CellDb } from '../platform/db/index.ts'

/** What a server is in the middle of while its host makes an image of it: from which states, to which. */
const IMAGE_STAGES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  snapshot: { image_snapshot_pending: 'image_snapshot', shelving: 'shelving_image_pending_upload' },
  upload: {
    image_snapshot_pending: 'image_uploading',
    image_snapshot: 'image_uploading',
    image_backup: 'image_uploading',
    shelving: 'shelving_image_uploading',
    shelving_image_pending_upload: 'shelving_image_uploading',
  },
}

/** Takes in how far a host is with something that takes long; it is believed only about servers that are there. */
export async function noteProgress(
  cell: CellDb,
  { host, server_id, progress }: Extract<HostEvent, { event: 'progress' }>,
): Promise<void> {
  const stages = IMAGE_STAGES[progress.stage]
  if (stages) return noteTaskState(cell, server_id, host, stages)
  await noteMoved(cell, server_id, host, progress)
}
