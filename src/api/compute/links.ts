import type { Call } from '../../platform/http/index.ts'

export interface Link {
  readonly rel: string
  readonly href: string
}

/** Addresses in bodies repeat the form of the request: with or without the project, and at the same endpoint. */
export interface Links {
  /** `self` and `bookmark`; the second has no version in it. `path` is like `/servers/<id>`. */
  both(path: string): Link[]
  bookmark(path: string): Link[]
  self(path: string): string
  /** An image in the image service beside this API. */
  image(id: string): string
  /** The request's own address with `marker` set, and its keys in order, for the next page. */
  next(query: URLSearchParams, marker: string): Link
}

/** @param mount `/v2.1` or `/v2`; `path` is the whole of the request's, below the face's prefix. */
export function linksOf(call: Call, base: string, mount: string, projectId: string | undefined): Links {
  const project = projectId === undefined ? '' : `/${projectId}`
  const versioned = `${base}${mount}${project}`
  const plain = `${base}${project}`
  return {
    both: (path) => [
      { rel: 'self', href: versioned + path },
      { rel: 'bookmark', href: plain + path },
    ],
    bookmark: (path) => [{ rel: 'bookmark', href: plain + path }],
    self: (path) => versioned + path,
    image: (id) => `${base.replace(/\/compute$/, '')}/image/images/${id}`,
    next(query, marker) {
      const again = new URLSearchParams(query)
      again.set('marker', marker)
      again.sort()
      return { rel: 'next', href: `${base}${call.path}?${again}` }
    },
  }
}
