export { type Answer, type Call, type Face, type HttpRoute, MAX_JSON_BODY_BYTES } from './http.ts'
export { type HttpServer, serve, type ServeOptions } from './serve.ts'
export { validator } from './validate.ts'
export { STATUS } from './status.ts'
