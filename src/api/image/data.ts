import type { Answer, Call, HttpRoute } from '../../platform/http/index.ts'
import { badRequest, Problem } from '../../kernel/index.ts'
import { type Download, GRANT_HEADER, type Images } from '../../image/index.ts'
import type { Gate } from './gate.ts'

const BYTES = 'application/octet-stream'

/** The bytes of images, in and out. */
export function dataRoutes(images: Images, gate: Gate): HttpRoute[] {
  async function download(call: Call): Promise<Answer> {
    const id = call.params.image_id!
    const grant = call.request.headers.get(GRANT_HEADER)
    if (grant !== null) return bytesOf(await images.downloadGranted(id, grant), call)
    const { ctx, image } = await gate.image(call, 'download_image')
    const found = await images.download(ctx, image.id)
    return found ? bytesOf(found, call) : { status: 204 }
  }

  return [
    {
      method: 'PUT',
      path: '/v2/images/:image_id/file',
      maxBodyBytes: images.maxBytes,
      async handle(call) {
        const grant = call.request.headers.get(GRANT_HEADER)
        if (grant !== null) {
          await images.snapshots.upload(call.params.image_id!, grant, call.stream())
          return { status: 204 }
        }
        const { ctx, image } = await gate.image(call, 'upload_image')
        const type = call.request.headers.get('content-type')?.split(';')[0]?.trim()
        if (type !== BYTES) throw new Problem('unsupported_media_type', `The content type of an upload is ${BYTES}.`)
        await images.upload(ctx, image.id, call.stream())
        return { status: 204 }
      },
    },
    { method: 'GET', path: '/v2/images/:image_id/file', handle: download },
  ]
}

/** All of the file, or the one range asked for. */
function bytesOf({ image, file }: Download, call: Call): Answer {
  const headers: Record<string, string> = { 'content-type': BYTES, 'accept-ranges': 'bytes' }
  const range = rangeOf(call.request.headers.get('range'), file.size)
  if (range === null) {
    if (image.md5 !== null) headers['content-md5'] = image.md5
    return { status: 200, raw: file, headers: { ...headers, 'content-length': String(file.size) } }
  }
  const { start, end } = range
  headers['content-range'] = `bytes ${start}-${end}/${file.size}`
  return {
    status: 206,
    raw: file.slice(start, end + 1),
    headers: { ...headers, 'content-length': String(end + 1 - start) },
  }
}

/** A single range of RFC 9110; several, or a unit that is not bytes, are answered with everything. */
function rangeOf(header: string | null, size: number): { start: number; end: number } | null {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header ?? '')
  if (!match || match[1] === match[2]) return null
  const [, first, last] = match
  const start = first === '' ? Math.max(size - Number(last), 0) : Number(first)
  const end = first === '' || last === '' ? size - 1 : Math.min(Number(last), size - 1)
  if (start >= size || start > end) throw badRequest(`The range '${header!.slice(0, 64)}' lies outside of the image.`)
  return { start, end }
}
