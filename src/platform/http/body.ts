import { badRequest, Problem } from '../../kernel/index.ts'
import { parseJson } from './json.ts'

/** Types a JSON body may come under. Nova also takes none and text/plain, as `curl -d` without a type should work. */
const JSON_TYPE = /^(application\/([\w.+-]+\+json|json|[\w.+-]+-json-patch)|text\/plain)\s*(;|$)/i

/**
 * The body of `request` as JSON, `null` when there is none.
 * @throws {Problem} unsupported_media_type, too_large, bad_request
 */
export async function readJson(request: Request, maxBytes: number): Promise<unknown> {
  if (request.body === null) return null
  const type = request.headers.get('content-type')
  const bytes = await readBytes(request, maxBytes)
  if (bytes.length === 0) return null
  if (type !== null && !JSON_TYPE.test(type)) {
    throw new Problem('unsupported_media_type', `Unsupported Content-Type: ${type.slice(0, 64)}`)
  }
  return parseJson(bytes)
}

async function readBytes(request: Request, maxBytes: number): Promise<Uint8Array> {
  const announced = request.headers.get('content-length')
  if (announced !== null) {
    if (Number(announced) > maxBytes) throw tooLarge(maxBytes)
    return read(() => request.bytes())
  }
  return read(async () => {
    const chunks: Uint8Array[] = []
    for await (const chunk of boundedStream(request, maxBytes)) chunks.push(chunk)
    return Buffer.concat(chunks)
  })
}

/** A client that goes away in the middle of its body has made a bad request, not found a fault of ours. */
async function read(body: () => Promise<Uint8Array>): Promise<Uint8Array> {
  try {
    return await body()
  } catch (cause) {
    if (cause instanceof Problem) throw cause
    throw badRequest('The request ended before its body did.', cause)
  }
}

/** The body as it arrives. Reading it fails with Problem too_large at the first byte over `maxBytes`. */
export function boundedStream(request: Request, maxBytes: number): ReadableStream<Uint8Array> {
  if (Number(request.headers.get('content-length') ?? 0) > maxBytes) throw tooLarge(maxBytes)
  let size = 0
  const body = request.body ?? new Blob([]).stream()
  return body.pipeThrough(
    new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, out) {
        size += chunk.byteLength
        if (size > maxBytes) throw tooLarge(maxBytes)
        out.enqueue(chunk)
      },
    }),
  )
}

const tooLarge = (maxBytes: number): Problem =>
  new Problem('too_large', `Request is too large: the limit is ${maxBytes} bytes.`)
