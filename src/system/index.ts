export { type CommandResult, run, runOrThrow } from './command.ts'
export { libvirtProblem, libvirtUri, type PrivateLibvirtd, startPrivateLibvirtd } from './private-libvirtd.ts'
