export { type BaseImage, createImageCache, type ImageCache } from './cache.ts'
export { QemuImgError, qemuImgVersion } from './qemu-img.ts'
export { createOverlay } from './qcow2-overlay.ts'
