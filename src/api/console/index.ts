export { consoleFace, type ConsoleFaceOptions } from './face.ts'
export { consoleUrl, relayUrl } from './urls.ts'
