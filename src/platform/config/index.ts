export { ConfigError } from './ini.ts'
export { type Config, loadConfig, type LoadOptions, type Overrides } from './load.ts'
export { renderOptionHelp, renderSampleConfig } from './render.ts'
